"""Webhooks that other projects recorded: each is acknowledged, twice, and every text in it is stored once.

They stay outside. XIN_PAYLOADS names a folder of JSON files, in whatever folders; a file may hold one webhook or many,
at any depth. XIN_DATA has Meta's own examples.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.store.tenancy import Store
from shared.text.persian import clean
from tests.fuzz import budget, hostile
from tests.fuzz.doors import Hook

FOLDER = Path(os.environ["XIN_PAYLOADS"]) if "XIN_PAYLOADS" in os.environ else None
OBJECTS = {"whatsapp_business_account": "whatsapp", "instagram": "instagram"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """A text that a customer wrote: to which account of ours, and under which id."""

    account: str | None
    key: str
    text: str


@pytest.mark.skipif(FOLDER is None, reason="XIN_PAYLOADS names no folder")
async def test_of_other_projects(hooks: Mapping[str, Hook], inside: Store) -> None:
    """None gets a 5xx, and none of their texts is lost or doubled."""
    assert FOLDER
    counted: Counter[str] = Counter()
    for path in sorted(FOLDER.rglob("*.json")):
        for webhook in _webhooks(json.loads(path.read_bytes())):
            with budget.told(str(path.relative_to(FOLDER)), webhook):
                await _is_taken_in(webhook, hooks, inside, counted)
    assert counted


@pytest.mark.skipif(hostile.DATA is None, reason="XIN_DATA names no folder")
async def test_of_meta(hooks: Mapping[str, Hook], inside: Store) -> None:
    """The same for the examples in Meta's OpenAPI."""
    assert hostile.DATA
    counted: Counter[str] = Counter()
    with (hostile.DATA / "specs" / "meta-business-messaging-api_v23.0.yaml").open() as specification:
        examples = list(_webhooks(yaml.load(specification, getattr(yaml, "CSafeLoader", yaml.SafeLoader))))
    for webhook in examples:
        with budget.told("example", webhook):
            await _is_taken_in(webhook, hooks, inside, counted)
    assert counted["whatsapp"] >= 10


def _kind(value: Any) -> str | None:
    if isinstance(value, dict) and "update_id" in value:
        return "telegram"
    is_meta = isinstance(value, dict) and isinstance(value.get("entry"), list)
    return OBJECTS.get(str(value.get("object"))) if is_meta else None


def _webhooks(value: Any) -> Iterator[Json]:
    if _kind(value):
        yield value
        return
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _webhooks(inner)


async def _is_taken_in(webhook: Json, hooks: Mapping[str, Hook], inside: Store, counted: Counter[str]) -> None:
    kind = _kind(webhook)
    assert kind
    counted[kind] += 1
    budget.count(f"recorded {kind}")
    body = json.dumps(webhook, ensure_ascii=False, default=str).encode()
    written = set(_READERS[kind](webhook))
    for account in {one.account for one in written} or {None}:
        hook = await hooks[kind].beside(inside, account)
        assert [await hook.post(body), await hook.post(body)] == [200, 200]
        stored = Counter(await hook.texts(inside))
        for text, times in Counter(clean(one.text) for one in written if one.account == account).items():
            assert stored[text] == times, f"{text!r} is stored {stored[text]} times"
            budget.count(f"recorded {kind} texts", times)


# What is written in a webhook, read as plainly as can be ----------------------------------------------------------


def _telegram(update: Json) -> Iterator[Written]:
    message = update.get("message") or {}
    by_person = message.get("chat", {}).get("type") == "private" and not message.get("from", {}).get("is_bot")
    if by_person and message.get("text"):
        yield Written(None, str(update["update_id"]), message["text"])


def _whatsapp(webhook: Json) -> Iterator[Written]:
    for change in (change for entry in webhook["entry"] for change in entry.get("changes", ())):
        value = change.get("value", {})
        for message in value.get("messages", ()) if change.get("field") == "messages" else ():
            sender = message.get("from") or message.get("from_user_id")
            if message.get("type") == "text" and sender and not message.get("group_id"):
                account = str(value.get("metadata", {}).get("phone_number_id") or "") or None
                yield Written(account, message["id"], message["text"]["body"])


def _instagram(webhook: Json) -> Iterator[Written]:
    for entry in webhook["entry"]:
        for item in entry.get("messaging", ()):
            message = item.get("message", {})
            odd = message.get("is_echo") or message.get("is_deleted") or message.get("is_unsupported")
            if message.get("text") and not odd and item["sender"]["id"] != entry["id"]:
                yield Written(str(entry["id"]), message["mid"], message["text"])


_READERS: Mapping[str, Callable[[Json], Iterator[Written]]] = {
    "telegram": _telegram,
    "whatsapp": _whatsapp,
    "instagram": _instagram,
}
