"""Events at every door: ours and those of others, whole and broken, are taken or refused in one known way."""

import random
from contextlib import suppress
from pathlib import Path

import pytest

from events import EVENTS, BadData, BatchNotTaken, Context, NotAnEvent, data_of, from_request
from local.broker.events import Incomplete, Unreadable, read, unpacked
from local.broker.topology import BadManifest, load
from tests.fuzz import budget, events, mutating

MODELS = {event.type: event for event in EVENTS}
MANIFESTS = Path(__file__).parents[2] / "k8s" / "base"


def test_functions() -> None:
    """A request is an event, NotAnEvent or a batch; its data fits its model or is BadData; its attributes are plain."""
    budget.run("events.from_request", events.request, _is_taken)


def _is_taken(request: events.Request) -> None:
    try:
        received = from_request(request.headers, request.body)
    except (NotAnEvent, BatchNotTaken):
        return
    context = Context.of(received)
    assert context.id
    assert context.source
    for name, value in received.get_attributes().items():
        assert isinstance(name, str)
        assert value is None or b"\0" not in str(value).encode(), f"{name} can't be kept"
    for model in (*([MODELS[received["type"]]] if received["type"] in MODELS else []), EVENTS[0]):
        try:
            event = data_of(received, model)
        except BadData:
            continue
        assert str(event.tenant) == str(received["tenantid"]).lower()


def test_broker() -> None:
    """What the broker reads is complete, and the same after it was kept; all else it refuses."""
    budget.run("broker events", events.request, _is_kept)


def _is_kept(request: events.Request) -> None:
    headers = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in request.headers.items()
    ]
    try:
        event = read(headers, request.body)
        admitted = event and event.admitted("2026-11-24T10:00:00Z")
    except (Unreadable, Incomplete):
        return
    if admitted is None:
        return
    assert unpacked(*admitted.packed()) == admitted
    written = admitted.with_ttl().in_binary_mode()
    assert all(written[f"ce-{name}"] for name in ("id", "source", "type", "specversion"))
    assert not any(character in value for value in written.values() for character in "\r\n\0")


def test_manifests(tmp_path: Path) -> None:
    """A manifest that isn't one is a BadManifest, never anything else."""
    texts = [path.read_text() for path in sorted(MANIFESTS.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: xin\nresources: [one.yaml]\n"
    )

    def make(chance: random.Random) -> bytes:
        return _bent(chance.choice(texts), chance)

    def check(manifest: bytes) -> None:
        (tmp_path / "one.yaml").write_bytes(manifest)
        with suppress(BadManifest):
            load(tmp_path)

    budget.run("broker manifests", make, check)


def _bent(manifest: str, chance: random.Random) -> bytes:
    """Values are replaced, or bytes spoiled."""
    if chance.random() < 0.25:
        return mutating.spoiled_bytes(manifest.encode(), chance)
    lines = manifest.splitlines()
    for _ in range(chance.choice((1, 2))):
        place = chance.choice([n for n, line in enumerate(lines) if ":" in line])
        name, _, _ = lines[place].partition(":")
        lines[place] = f"{name}: {chance.choice(YAML)}"
    return "\n".join(lines).encode(errors="replace")


YAML = (
    "", "null", "~", "[]", "{}", "1", "-1", "1e400", ".nan", "2026-99-99", "2026-11-24", "0o7", "PT1S", "P", "Asia",
    f"PT{'9' * 400}S", "../etc/passwd", "Asia/Tehran", '""', '"\\0"', "[" * 300, "&a [*a]", "*a", "? {}", "'@yearly'",
    "!!python/object:os.system x", "* * * * *", "0 0 31 2 *", "{a: {b: c}}", "[[[x]]]", '"\\ud800"', "true", "<<: x",
)  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"1", b"\xff", b"{}", b"[{}]"])
@pytest.mark.parametrize("media_type", [events.STRUCTURED, "application/json", ""])
def test_no_events(body: bytes, media_type: str) -> None:
    """The smallest bodies that are no event are refused like all others."""
    with pytest.raises(NotAnEvent):
        from_request({"content-type": media_type}, body)
