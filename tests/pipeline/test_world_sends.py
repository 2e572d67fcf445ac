"""What the world sends, row by row of the contract's table (DESIGN, section 4)."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.pipeline import meta, raw
from tests.pipeline.desk import Desk, new_word
from tests.pipeline.provider import Provider
from tests.pipeline.waiting import until
from tests.product import Product

HOURS = "ساعت کاری شما چیست؟"
LIMIT = 3 * 1024 * 1024
META = ("whatsapp", "instagram")
BOTS = ("telegram", "bale")
PRIVATE = ("orchestrate", "deliver", "embed-chunk", "automation-tick")
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


@pytest.fixture(scope="session")
def admin(product: Product) -> Desk:
    """The platform's administrator, in no tenant: sees the letters that belong to nobody."""
    return Desk(product.sign_in("admin"))


def _event(kind: str, tenant: str, **data: Any) -> tuple[dict[str, str], bytes]:
    """One of our own events in the binary mode."""
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": str(uuid.uuid4()),
        "ce-source": "/somebody/else",
        "ce-type": f"ir.xinbot.{kind}.v1",
        "ce-tenantid": tenant,
    }
    return headers, json.dumps(data).encode()


def _bad_proofs(kind: str, secret: str, body: bytes) -> Iterator[dict[str, str | bytes]]:
    """Headers that prove nothing."""
    if kind in BOTS:
        for claim in ("wrong", secret[:-1], secret + "x", secret.upper(), "رمز".encode(), b"\xff\xfe\xff", ""):
            yield {SECRET_HEADER: claim}
    else:
        right = meta.signature(body, secret)["X-Hub-Signature-256"]
        digest = right.removeprefix("sha256=")
        other = meta.signature(body + b" ", secret)["X-Hub-Signature-256"]
        for claim in (other, digest, f"sha1={digest}", "sha256=", "sha256=امضا".encode(), b"sha256=\xff\xfe", ""):
            yield {"X-Hub-Signature-256": claim}
    yield {}


def _genuine(product: Product, provider: Provider, kind: str, text: str) -> bytes:
    channel = product.channel(kind)
    if kind in BOTS:
        return json.dumps(provider.customer(channel).update(text)).encode()
    if kind == "whatsapp":
        return json.dumps(meta.whatsapp_text(channel, text, name="نرگس", phone="4915112345678")).encode()
    return json.dumps(meta.instagram_text(channel, text, sender="778899")).encode()


def _proof(channel: dict[str, str], kind: str, body: bytes) -> dict[str, str]:
    if kind in BOTS:
        return {SECRET_HEADER: channel["secret_token"], "Content-Type": "application/json"}
    return meta.signature(body, channel["app_secret"])


@pytest.mark.parametrize("kind", BOTS + META)
def test_forged(product: Product, provider: Provider, desk: Desk, kind: str) -> None:
    """Wrong, missing and non-ASCII secrets and signatures are 401 or 403, and nothing is stored."""
    channel, text = product.channel(kind), new_word()
    body = _genuine(product, provider, kind, text)
    secret = channel["secret_token" if kind in BOTS else "app_secret"]

    for headers in _bad_proofs(kind, secret, body):
        framing = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        assert raw.status_of(channel["webhook_url"], framing | headers, [body]) in (401, 403), headers

    control = new_word()
    genuine = _genuine(product, provider, kind, control)
    assert httpx.post(channel["webhook_url"], content=genuine, headers=_proof(channel, kind, genuine)).is_success
    assert until(lambda: _holding(desk, control), "the genuine one that came behind them")
    assert _holding(desk, text) is None


def _holding(desk: Desk, text: str) -> dict[str, Any] | None:
    """The conversation in which *text* was written."""
    for conversation in desk.client.get("/conversations", params={"limit": 20}).json()["items"]:
        if text in [message["text"] for message in desk.messages(conversation["id"], "customer")]:
            return dict(conversation)
    return None


@pytest.mark.parametrize("kind", BOTS + META)
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param("{word} is no JSON", id="no JSON"),
        pytest.param('["{word}"]', id="a list"),
        pytest.param('"{word}"', id="a text"),
        pytest.param('{{"{word}": 1}}', id="unknown shape"),
        pytest.param('{{"update_id": "{word}", "object": 7, "entry": null}}', id="wrong types"),
    ],
)
def test_genuine_garbage(product: Product, desk: Desk, kind: str, shape: str) -> None:
    """A body that is authentic and can't be read is 200, and kept as a dead letter that the tenant sees."""
    channel, word = product.channel(kind), uuid.uuid4().hex
    body = shape.format(word=word).encode()

    answer = httpx.post(channel["webhook_url"], content=body, headers=_proof(channel, kind, body))

    assert answer.status_code == 200
    letters = desk.client.get("/dead-letters", params={"limit": 20}).json()["items"]
    letter = next(letter for letter in letters if word in letter["payload"])
    assert letter["payload"] == body.decode()
    assert desk.client.get(f"/dead-letters/{letter['id']}").json()["reason"]


@pytest.mark.parametrize("kind", BOTS + META)
def test_genuine_bytes(product: Product, desk: Desk, kind: str) -> None:
    """Bytes that aren't even text are no different: 200 and a dead letter."""
    channel, body = product.channel(kind), b"\xff\xfe\x00" + uuid.uuid4().bytes
    before = len(desk.items("/dead-letters"))

    answer = httpx.post(channel["webhook_url"], content=body, headers=_proof(channel, kind, body))

    assert answer.status_code == 200
    assert len(desk.items("/dead-letters")) == before + 1


@pytest.mark.parametrize("kind", BOTS + META)
def test_too_large(product: Product, kind: str) -> None:
    """Over 3 MB is 413: by its announcement before a byte of it is read, and by its length where none is announced."""
    channel = product.channel(kind)
    proof = _proof(channel, kind, b"x")
    piece = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"

    assert raw.status_of(channel["webhook_url"], proof | {"Content-Length": str(LIMIT + 1)}) == 413
    assert raw.status_of(channel["webhook_url"], proof | {"Transfer-Encoding": "chunked"}, [piece] * 60) == 413


def test_proof_before_size(product: Product) -> None:
    """Who proves nothing is not told how large a body may be."""
    headers = {SECRET_HEADER: "wrong", "Content-Length": str(LIMIT + 1)}

    assert raw.status_of(product.channel("telegram")["webhook_url"], headers) in (401, 403)


def test_exactly_at_the_limit(product: Product) -> None:
    """A body of exactly 3 MB is taken."""
    channel = product.channel("telegram")
    body = json.dumps({"update_id": uuid.uuid4().int % 10**9, "padding": ""}).encode()
    body = body[:-2] + b" " * (LIMIT - len(body)) + body[-2:]

    answer = httpx.post(channel["webhook_url"], content=body, headers=_proof(channel, "telegram", body), timeout=20)

    assert len(body) == LIMIT
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", BOTS + META)
@pytest.mark.parametrize("channel_id", ["6f0c1d1e-7f0b-4c39-9f58-0d6f0a4b9b11", "nothing", "' OR 1=1 --", "%00"])
def test_unknown_channel(product: Product, kind: str, channel_id: str) -> None:
    """A channel that isn't there is 404 to Telegram and Bale; to Meta 200, which would else retry for days."""
    base = product.channel(kind)["webhook_url"].rpartition("/")[0]

    answer = httpx.post(f"{base}/{channel_id}", content=b"{}", headers=_proof(product.channel(kind), kind, b"{}"))

    assert answer.status_code == (404 if kind in BOTS else 200)


def test_channel_of_another_kind(product: Product) -> None:
    """A channel is only reached through the function of its kind."""
    telegram, whatsapp = product.channel("telegram"), product.channel("whatsapp")
    through_whatsapp = whatsapp["webhook_url"].replace(whatsapp["id"], telegram["id"])

    answer = httpx.post(through_whatsapp, content=b"{}", headers=_proof(telegram, "telegram", b"{}"))

    assert answer.status_code == 200  # as for any channel that Meta's function doesn't know
    assert answer.content == b""


@pytest.mark.parametrize("kind", META)
def test_handshake(product: Product, kind: str) -> None:
    """Meta's GET gets its challenge back as plain text for the right token, and 403 for any other."""
    channel = product.channel(kind)
    query = {"hub.mode": "subscribe", "hub.verify_token": channel["verify_token"], "hub.challenge": "1158201444"}

    right = httpx.get(channel["webhook_url"], params=query)
    wrong = [
        httpx.get(channel["webhook_url"], params={**query, **change}).status_code
        for change in ({"hub.verify_token": "wrong"}, {"hub.verify_token": "رمز"}, {"hub.mode": "unsubscribe"})
    ]

    assert (right.status_code, right.text) == (200, "1158201444")
    assert right.headers["content-type"].startswith("text/plain")
    assert wrong == [403, 403, 403]
    assert httpx.get(channel["webhook_url"]).status_code == 403


def test_whatsapp_is_taken_in(product: Product, desk: Desk) -> None:
    """A signed WhatsApp webhook is a conversation under the customer's name, and one message however often it comes."""
    channel, name, phone = product.channel("whatsapp"), f"نرگس {new_word()}", f"49151{uuid.uuid4().int % 10**8:08}"
    webhook = meta.whatsapp_text(channel, HOURS, name=name, phone=phone)

    assert [meta.post(channel, webhook).status_code for _ in range(3)] == [200, 200, 200]

    conversation = until(lambda: desk.find(contact_name=name), "the conversation")
    assert conversation["channel_kind"] == "whatsapp"
    until(lambda: desk.messages(conversation["id"], "bot"), "the turn")
    assert [m["text"] for m in desk.messages(conversation["id"], "customer")] == [HOURS]
    assert len(desk.messages(conversation["id"], "bot")) == 1


def test_instagram_is_taken_in(product: Product, desk: Desk) -> None:
    """A signed Instagram webhook is a conversation, and one message however often it comes."""
    channel, text = product.channel("instagram"), f"{HOURS} {new_word()}"
    webhook = meta.instagram_text(channel, text, sender=str(uuid.uuid4().int % 10**15))

    assert [meta.post(channel, webhook).status_code for _ in range(2)] == [200, 200]

    conversation = until(lambda: _holding(desk, text), "the conversation")
    assert conversation["channel_kind"] == "instagram"
    until(lambda: desk.messages(conversation["id"], "bot"), "the turn")
    assert len(desk.messages(conversation["id"], "customer")) == 1


@pytest.mark.parametrize(("kind", "number"), [("whatsapp", "phone_number_id"), ("instagram", "account_id")])
def test_meta_is_answered(product: Product, desk: Desk, kind: str, number: str) -> None:
    """Who writes on the simulated phone of `/demo` is answered there, once, and the console shows it as sent."""
    phone = f"49160{uuid.uuid4().int % 10**8:08}"
    chat = f"{product.url}/sim/{kind}-{product.channel(kind)[number]}/chats/{phone}"

    assert httpx.post(f"{chat}/messages", json={"text": HOURS, "name": "نرگس"}).status_code == 202

    until(lambda: _from_business(chat), "the answer on the phone")
    assert "شنبه تا چهارشنبه" in _from_business(chat)[0]
    conversation = (desk.find(channel_kind=kind) or {})["id"]
    states = ("accepted",) if kind == "instagram" else ("delivered",)
    until(lambda: desk.messages(conversation, "bot")[0]["status"] in states, f"the status {states[0]}")
    assert len(_from_business(chat)) == 1


def _from_business(chat: str) -> list[str]:
    return [entry["text"] for entry in httpx.get(chat).json()["messages"] if entry["role"] == "business"]


def test_account_of_another(product: Product, desk: Desk) -> None:
    """What a signed batch brings for another number of the same app is not answered as ours."""
    channel, name = product.channel("whatsapp"), f"بیگانه {new_word()}"
    stranger = {**channel, "phone_number_id": "999999999999999"}
    ours = f"خودی {new_word()}"
    batch = meta.whatsapp_text(stranger, "سلام", name=name, phone="4915199999999")
    mine = meta.whatsapp_text(channel, "سلام", name=ours, phone=f"49152{uuid.uuid4().int % 10**8:08}")
    batch["entry"] += mine["entry"]

    assert meta.post(channel, batch).status_code == 200

    assert until(lambda: desk.find(contact_name=ours), "the conversation that is ours")
    assert desk.find(contact_name=name) is None


@pytest.mark.parametrize("path", ["/fn/{name}", "/fn/{name}/", "/{name}", "/{name}/", "/fn/{name}/dead-letters"])
@pytest.mark.parametrize("name", PRIVATE)
def test_no_event_through_the_public_port(product: Product, name: str, path: str) -> None:
    """An event posted to the public port meets nobody."""
    headers, body = _event("message.received", str(uuid.uuid4()), conversation=str(uuid.uuid4()), seq=1)

    answer = httpx.post(product.url + path.format(name=name), content=body, headers=headers)

    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["ingress-telegram", "ingress-web", "console-api"])
def test_no_event_to_a_public_function(product: Product, admin: Desk, name: str) -> None:
    """A function that the world calls takes no events, and keeps none."""
    headers, body = _event("message.received", str(uuid.uuid4()), conversation=str(uuid.uuid4()), seq=1)

    answer = httpx.post(f"{product.url}/fn/{name}/", content=body, headers=headers)

    assert 400 <= answer.status_code < 500
    assert headers["ce-id"] not in [letter["event_id"] for letter in admin.items("/dead-letters")]


@pytest.mark.parametrize("name", PRIVATE)
def test_event_door(product: Product, admin: Desk, name: str) -> None:
    """At a function's own URL: no CloudEvent is 400, a batch 415, a wrong verb 405; none of them is kept."""
    url = product.up["functions"][name]
    headers, body = _event("message.received", str(uuid.uuid4()), conversation=str(uuid.uuid4()), seq=1)
    before = len(admin.items("/dead-letters"))

    assert httpx.post(url, json={"hello": "world"}).status_code == 400
    assert httpx.post(url, content=b"", headers={}).status_code == 400
    assert httpx.post(url, content=b"\xff", headers={"Content-Type": "application/cloudevents+json"}).status_code == 400
    assert httpx.post(url, content=body, headers={**headers, "ce-specversion": "0.3"}).status_code == 400
    assert httpx.post(url, content=body, headers={k: v for k, v in headers.items() if k != "ce-id"}).status_code == 400
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    assert httpx.post(url, content=b"[]", headers=batch).status_code == 415
    for verb in ("GET", "PUT", "DELETE", "PATCH"):
        assert httpx.request(verb, url).status_code == 405
    assert len(admin.items("/dead-letters")) == before


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("orchestrate", "message.received", {"conversation": "nobody", "seq": 1}),
        ("orchestrate", "message.received", {"conversation": str(uuid.uuid4()), "seq": -1}),
        ("orchestrate", "message.received", {}),
        ("deliver", "reply.composed", {"conversation": 7}),
        ("embed-chunk", "knowledge.uploaded", {"asset": None}),
        ("automation-tick", "automation.due", {"run": []}),
        ("orchestrate", "something.new", {"a": 1}),
    ],
)
def test_bad_data(product: Product, admin: Desk, name: str, kind: str, data: dict[str, Any]) -> None:
    """An event of ours with data that makes no sense is acknowledged without a body, and kept as a dead letter."""
    headers, body = _event(kind, str(uuid.uuid4()), **data)

    answer = httpx.post(product.up["functions"][name], content=body, headers=headers)

    assert answer.is_success
    assert answer.content == b""
    assert headers["ce-id"] in [letter["event_id"] for letter in admin.items("/dead-letters")]


def test_event_naming_another_tenant(product: Product, provider: Provider, desk: Desk, admin: Desk) -> None:
    """An event that names a conversation of one tenant and another tenant moves nothing."""
    customer = provider.customer(product.channel("telegram"))
    customer.write(HOURS)
    until(lambda: customer.heard, "the answer")
    before = desk.conversation_of(customer)
    other = admin.client.post(
        "/tenants",
        json={"name": "دیگری", "owner": {"email": f"{uuid.uuid4().hex}@example.com", "password": uuid.uuid4().hex}},
    ).json()["id"]

    for tenant in (other, str(uuid.uuid4()), "", "everybody"):
        for name, kind in (("orchestrate", "message.received"), ("deliver", "reply.composed")):
            headers, body = _event(kind, tenant, conversation=before["id"], seq=1)
            assert httpx.post(product.up["functions"][name], content=body, headers=headers).is_success

    assert desk.conversation_of(customer) == before
    assert len(customer.heard) == 1
