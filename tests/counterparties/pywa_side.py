"""pywa, a WhatsApp library that we did not write: a reader of webhooks, and a client of our simulated Graph API."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx
from pywa_async import WhatsApp, types

from tests.providers.samples import parse
from tests.simulator.conftest import ACCESS_TOKEN, APP_SECRET, NUMBER

WABA = "419500000000001"
LISTS = ("messages", "statuses", "message_echoes")


class Redirect(httpx.AsyncHTTPTransport):
    """pywa insists on graph.facebook.com: brings its calls to *url* instead, and keeps their bodies."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = httpx.URL(url)
        self.bodies: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        assert request.url.host == "graph.facebook.com"
        self.bodies.append(json.loads(request.content))
        here = request.url.copy_with(
            scheme=self._url.scheme, host=self._url.host, port=self._url.port, path=f"/graph{request.url.path}"
        )
        request.url, request.headers["host"] = here, self._url.netloc.decode()
        return await super().handle_async_request(request)


class Reader:
    """pywa behind a webhook: what it made of every update, in order. A body that it can't read adds nothing."""

    def __init__(self, **more: Any) -> None:
        self.read: list[Any] = []
        self.client = WhatsApp(
            phone_id=NUMBER,
            token=ACCESS_TOKEN,
            waba_id=WABA,
            app_secret=APP_SECRET,
            verify_token="verify-me",
            skip_duplicate_updates=False,
            **more,
        )
        for handler in self.client._handlers_to_updates:
            self.client.add_handlers(handler(self._keep))

    async def _keep(self, _: WhatsApp, update: Any) -> None:
        self.read.append(update)

    async def take(self, body: dict[str, Any]) -> Any:
        """What it makes of *body*, which holds one thing. Fails when that isn't one thing to it."""
        before = len(self.read)
        assert await self.client.webhook_update_handler(json.dumps(body).encode()) == ("ok", 200)
        (one,) = self.read[before:]
        return one


def one_by_one(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The webhooks that *body* would be if Meta sent each of its things alone: pywa reads only the first of a batch."""
    for entry in body["entry"]:
        for change in entry["changes"]:
            around = {name: value for name, value in change["value"].items() if name not in LISTS}
            for name in LISTS:
                for item in change["value"].get(name, ()):
                    alone = {**around, name: [item]}
                    if people := [one for one in around.get("contacts", ()) if _is_of(item, one)]:
                        alone["contacts"] = people
                    yield {**body, "entry": [{**entry, "changes": [{**change, "value": alone}]}]}


def _is_of(item: dict[str, Any], contact: dict[str, Any]) -> bool:
    return bool({contact.get("wa_id"), contact.get("user_id")} & {item.get("from"), item.get("from_user_id")} - {None})


def with_contacts(body: dict[str, Any]) -> dict[str, Any]:
    """*body* with the `contacts` that Meta's own examples of statuses leave out, and without which pywa raises."""
    complete = copy.deepcopy(body)
    value = complete["entry"][0]["changes"][0]["value"]
    for status in value.get("statuses", ()):
        value.setdefault("contacts", [{"wa_id": status["recipient_id"]}])
    return complete


def told_by_pywa(update: Any) -> tuple[str, str, str, str]:
    """What *update* is, whose or about what, and what there is to read in it, in the words of `told_by_us`."""
    user = getattr(update, "from_user", None)
    sender = (user.bsuid or user.wa_id) if user else ""
    match update:
        case types.MessageStatus():
            return "status", sender, update.id, update.status.value
        case types.OutgoingMessage():
            return "echo", "", update.id, _words(update)
        case types.EditedMessage():
            return "edit", sender, update.original_message_id, _words(update.message)
        case types.DeletedMessage():
            return "deletion", sender, update.original_message_id, ""
        case types.PhoneNumberChange():
            return "system", sender, "", update.body
        case types.Message(reaction=types.Reaction() as reaction):
            return "reaction", sender, reaction.message_id, reaction.emoji or ""
        case types.CallbackButton() | types.CallbackSelection():
            return "message", sender, update.id, update.title
        case types.Message():
            return "message", sender, update.id, _words(update)
    raise AssertionError(f"our reader has no word for {type(update).__name__}")


def told_by_us(body: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """The same by our own reader, for every message and event in *body*: kind, sender, id, words."""
    batch = parse("whatsapp", body)
    messages = [("message", one.sender, one.key, one.text) for one in batch.messages]
    events = [
        (one.kind, (one.kind != "echo" and one.recipient) or "", one.provider_id or "", one.state or one.text or "")
        for one in batch.events
    ]
    return messages + events


def _words(message: Any) -> str:
    place = message.location
    return message.text or message.caption or (place and place.name) or ""
