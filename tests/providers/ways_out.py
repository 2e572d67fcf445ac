"""Each provider's sender against the fake API, and what became of a send in a form that tables can hold."""

import httpx
import pytest

from shared.providers.catalogue import PROVIDERS
from shared.providers.outgoing import Later, NotSent, Refused, Sender
from tests.providers.fake_api import FakeApi

TOKEN = "77001:AAH-secret_of-the-bot"
PART = "6f1c9a52-7d57-5a0e-9a6b-0d8f6f2f3a11"
TEXT = "سفارش شما ارسال شد؛ تا فردا می‌رسد. <b>ممنون</b>"
CREDENTIALS = {
    "telegram": {"bot_token": TOKEN},
    "bale": {"bot_token": TOKEN},
    "whatsapp": {"access_token": TOKEN, "phone_number_id": "106540352242922"},
    "instagram": {"access_token": TOKEN, "account_id": "17841400000000001"},
    "web": {},
}
CUSTOMERS = {"telegram": "42", "bale": "42", "whatsapp": "4915112345678", "instagram": "1535148674817116", "web": "v1"}
REMOTE = [kind for kind in PROVIDERS if kind != "web"]


def sender(kind: str, api: FakeApi, client: httpx.AsyncClient) -> Sender:
    provider = PROVIDERS[kind]
    return provider.sender(client, api.url, provider.credentials.model_validate(CREDENTIALS[kind]))


async def outcome(kind: str, api: FakeApi, client: httpx.AsyncClient) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await sender(kind, api, client).send(CUSTOMERS[kind], TEXT, part=PART)
    return caught.value


def essence(problem: NotSent) -> tuple[object, ...]:
    match problem:
        case Later():
            return Later, problem.scope, problem.wait_seconds
        case Refused():
            return Refused, problem.contact_unreachable
        case _:
            return (type(problem),)
