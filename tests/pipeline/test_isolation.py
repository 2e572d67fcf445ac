"""Two tenants under one roof: the second sees and moves nothing of the first, through any route, id or search."""

import uuid

import httpx
import pytest

from tests.pipeline.desk import Desk, new_word
from tests.pipeline.neighbour import Neighbour, found_tenant
from tests.pipeline.provider import Customer, Provider
from tests.pipeline.waiting import until
from tests.pipeline.widget import Stream, Visitor
from tests.product import Product

HOURS = "ساعت کاری شما چیست؟"
COLLECTIONS = (
    "users", "brands", "channels", "personas", "policies", "knowledge", "conversations", "automations",
    "dead-letters", "audit",
)  # fmt: skip


@pytest.fixture(scope="session")
def neighbour(product: Product, provider: Provider) -> Neighbour:
    return found_tenant(product, provider)


@pytest.fixture(scope="session")
def word(desk: Desk) -> str:
    """Stands in a document of the first tenant."""
    word = new_word()
    desk.learn("secret.md", f"# {word}\n\nرمز گاوصندوق {word} عدد ۸۸۱۲ است.\n")
    return word


@pytest.fixture(scope="session")
def customer(product: Product, provider: Provider, desk: Desk, word: str) -> Customer:
    """One of the first tenant's, who has been answered."""
    customer = provider.customer(product.channel("telegram"))
    customer.write(f"رمز گاوصندوق {word} چیست؟")
    until(lambda: customer.heard, "the answer")
    assert "۸۸۱۲" in customer.heard[0]
    garbage = {"X-Telegram-Bot-Api-Secret-Token": customer.channel["secret_token"]}
    assert httpx.post(customer.channel["webhook_url"], content=b"[]", headers=garbage).status_code == 200
    rule = {"name": "یادآوری", "schedule": "0 9 * * sat", "action": {"do": "note", "text": "سلام"}}
    assert desk.client.post("/automations", json=rule).is_success
    return customer


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_lists(desk: Desk, neighbour: Neighbour, customer: Customer, collection: str) -> None:
    """No list of the second tenant holds anything of the first's, and an id of the first's is 404 whatever is done."""
    theirs = {item["id"] for item in desk.items(f"/{collection}")}
    assert theirs, "the first tenant has nothing there: this would prove nothing"

    assert theirs.isdisjoint(item["id"] for item in neighbour.desk.items(f"/{collection}"))
    for verb in ("GET", "PATCH", "DELETE"):
        for one in list(theirs)[:3]:
            answer = neighbour.desk.client.request(verb, f"/{collection}/{one}", json={} if verb == "PATCH" else None)
            assert answer.status_code in (404, 405) or (verb == "PATCH" and answer.status_code == 422), answer.text
    assert theirs <= {item["id"] for item in desk.items(f"/{collection}")}


def test_actions(desk: Desk, neighbour: Neighbour, customer: Customer) -> None:
    """The second tenant can't speak in the first's conversation, take it, close it, publish or send again for it."""
    conversation = desk.conversation_of(customer)
    turn = desk.messages(conversation["id"], "bot")[0]["turn_id"]
    asset = desk.items("/knowledge")[0]["id"]
    ours = neighbour.desk

    answers = [
        *(
            ours.client.post(f"/conversations/{conversation['id']}/{verb}")
            for verb in ("takeover", "release", "resolve")
        ),
        ours.client.post(f"/conversations/{conversation['id']}/messages", json={"text": "من همسایه‌ام"}),
        ours.client.get(f"/conversations/{conversation['id']}/messages"),
        ours.client.get(f"/turns/{turn}"),
        *(ours.client.post(f"/{kind}/{desk.items(f'/{kind}')[0]['id']}/publish") for kind in ("personas", "policies")),
        ours.client.post(f"/dead-letters/{desk.items('/dead-letters')[0]['id']}/redeliver"),
        ours.upload("mine.md", "# مال من\n\nمتن\n", over=asset),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert desk.conversation_of(customer) == conversation
    assert "من همسایه‌ام" not in customer.heard


def test_borrowed_ids(desk: Desk, neighbour: Neighbour) -> None:
    """Nothing of the second tenant's can be hung on a brand of the first's."""
    brand = desk.items("/brands")[0]["id"]
    ours = neighbour.desk

    assert ours.client.post("/channels", json={"brand_id": brand, "kind": "web", "name": "سایت"}).status_code == 404
    assert ours.client.post("/personas", json={"brand_id": brand, "body": {}}).status_code == 404
    assert ours.client.post("/policies", json={"brand_id": brand, "body": {}}).status_code == 404
    moved = ours.client.patch(f"/channels/{neighbour.web['id']}", json={"brand_id": brand})
    assert moved.status_code == 404


def test_search_and_answers(provider: Provider, neighbour: Neighbour, word: str, customer: Customer) -> None:
    """What stands in the first tenant's documents is neither found nor answered for the second."""
    question = f"رمز گاوصندوق {word} چیست؟"

    found = neighbour.desk.client.post("/knowledge/search", json={"query": question, "limit": 100}).json()
    stranger = provider.customer(neighbour.telegram)
    stranger.write(question)
    until(lambda: stranger.heard, "the second tenant's answer")

    assert found["items"] == []
    assert "۸۸۱۲" not in stranger.heard[0]
    shown = str(neighbour.desk.conversation_of(stranger))
    assert customer.name not in shown
    assert neighbour.desk.find(contact_name=customer.name) is None


def test_same_bytes(desk: Desk, neighbour: Neighbour) -> None:
    """The same document in two tenants is two documents: that somebody else has it doesn't show."""
    content = f"# {new_word()}\n\nمتنی که هر دو دارند.\n"

    first = desk.upload("both.md", content)
    second = neighbour.desk.upload("both.md", content)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_live_events(product: Product, provider: Provider, neighbour: Neighbour) -> None:
    """The second tenant's stream tells what happens to its own customers, and nothing of the first's."""
    stream = Stream(neighbour.desk.client, "/events").open()
    theirs, ours = provider.customer(product.channel("telegram")), provider.customer(neighbour.telegram)

    theirs.write(f"{HOURS} {theirs.chat}")
    until(lambda: theirs.heard, "the first tenant's answer")
    ours.write(f"سلام {ours.chat}")

    until(lambda: str(ours.chat) in str(stream.events), "what happens to the second tenant")
    assert str(theirs.chat) not in str(stream.events)
    assert theirs.heard[0][:40] not in str(stream.events)
    stream.close()


def test_live_events_by_id(product: Product, provider: Provider, neighbour: Neighbour) -> None:
    """Coming back with a place of another tenant's stream, or from its very start, shows nothing of it either."""
    theirs = provider.customer(product.channel("telegram"))
    theirs.write(f"{HOURS} {theirs.chat}")
    until(lambda: theirs.heard, "the first tenant's answer")
    headers = {"Last-Event-ID": "0-0", "Authorization": neighbour.desk.client.headers["Authorization"]}
    stream = Stream(httpx.Client(base_url=f"{product.url}/api/v1", headers=headers), "/events").open()

    ours = provider.customer(neighbour.telegram)
    ours.write(f"سلام {ours.chat}")

    until(lambda: str(ours.chat) in str(stream.events), "what happens to the second tenant")
    assert str(theirs.chat) not in str(stream.events)
    stream.close()


def test_widget_session(product: Product, neighbour: Neighbour) -> None:
    """A visitor's token opens their own conversation and no other: not the next visitor's, not the other tenant's."""
    first = Visitor.arrive(product.channel("web"), product.url)
    first.ask(HOURS)
    others = Visitor.arrive(product.channel("web"), product.url), Visitor.arrive(neighbour.web, product.url)

    for other in others:
        for path in (f"{first.path}/messages", f"{first.path}/events"):
            assert other.client.get(path).status_code == 404
        posted = {"client_msg_id": "x", "type": "text", "text": "من نیستم"}
        assert other.client.post(f"{first.path}/messages", json=posted).status_code == 404
        assert other.client.post(f"{first.path}/read", json={"seq": 1}).status_code == 404
        assert other.client.get(f"/conversations/{uuid.uuid4()}/messages").status_code == 404
    assert len(first.messages("customer")) == 1


def test_resume_elsewhere(product: Product, neighbour: Neighbour) -> None:
    """A token of one tenant's widget resumes nothing on another's: a new conversation begins there."""
    first = Visitor.arrive(product.channel("web"), product.url)
    first.ask(HOURS)

    second = Visitor.arrive(neighbour.web, product.url, resume=first.token)

    assert second.conversation != first.conversation
    assert second.token != first.token
    assert second.messages() == []


def test_tokens_of_other_kinds(product: Product, neighbour: Neighbour) -> None:
    """A visitor's token opens no console, an operator's token no conversation of the widget."""
    visitor = Visitor.arrive(product.channel("web"), product.url)
    operator = neighbour.desk.client.headers["Authorization"]

    as_console = httpx.get(f"{product.url}/api/v1/conversations", headers={"Authorization": f"Bearer {visitor.token}"})
    as_visitor = visitor.client.get(f"{visitor.path}/messages", headers={"Authorization": operator})

    assert as_console.status_code == 401
    assert as_visitor.status_code == 401


def test_platform(desk: Desk, neighbour: Neighbour) -> None:
    """An owner is no administrator, and can't step into another tenant by naming it."""
    assert neighbour.desk.client.get("/tenants").status_code == 403
    new = {"name": "سومی", "owner": {"email": "third@example.com", "password": "گذرواژه‌ای که بلند است"}}
    assert neighbour.desk.client.post("/tenants", json=new).status_code == 403
    tenant = desk.client.get("/me").json()["tenant"]["id"]
    inside = neighbour.desk.client.get("/conversations", headers={"X-Xin-Tenant": tenant})
    assert inside.status_code == 403


def test_secret_of_another_channel(product: Product, neighbour: Neighbour, provider: Provider) -> None:
    """A secret opens its own channel only."""
    crossed = provider.customer({**product.channel("telegram"), "secret_token": neighbour.telegram["secret_token"]})

    assert crossed.post(crossed.update("سلام")) in (401, 403)
