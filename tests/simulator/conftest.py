"""One simulator a test, with an account of every kind, a clock that the test turns, and the business's webhook."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from local.simulator import (
    Accounts,
    BotAccount,
    InstagramAccount,
    ModelAccount,
    Simulator,
    WhatsAppAccount,
    create_simulator,
)
from tests.simulator.serving import Door, Webhook, serving

BOT_TOKEN = "42:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_"
BALE_TOKEN = "77:bale-token-of-the-demo-shop"
SECRET_TOKEN = "telegram-sends-this-back"
ACCESS_TOKEN = "EAAG-whatsapp-token"
INSTAGRAM_TOKEN = "IGAA-instagram-token"
APP_SECRET = "the-app-secret"
MODEL_KEY = "sk-simulated"
NUMBER = "106540352242922"
PROFILE = "17841400000000001"


@dataclass
class Clock:
    """Time that stands still until the test moves it."""

    moment: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def webhook() -> Webhook:
    return Webhook()


@pytest.fixture(scope="session")
async def webhook_door() -> AsyncIterator[Door]:
    door = Door()
    async with serving(door) as door.url:
        yield door


@pytest.fixture(scope="session")
async def simulator_door() -> AsyncIterator[Door]:
    door = Door()
    async with serving(door) as door.url:
        yield door


@pytest.fixture
async def webhook_url(webhook_door: Door, webhook: Webhook) -> AsyncIterator[str]:
    webhook_door.app = webhook
    yield webhook_door.url
    webhook.gate.set()


@pytest.fixture
async def simulator(webhook_url: str, clock: Clock) -> AsyncIterator[Simulator]:
    meta = {"app_secret": APP_SECRET, "verify_token": "verify-me"}
    accounts = [
        BotAccount(
            kind="telegram", bot_token=BOT_TOKEN, webhook_url=f"{webhook_url}/telegram", secret_token=SECRET_TOKEN
        ),
        BotAccount(kind="bale", bot_token=BALE_TOKEN, webhook_url=f"{webhook_url}/bale", secret_token="bale-secret"),
        WhatsAppAccount(
            **meta,
            access_token=ACCESS_TOKEN,
            phone_number_id=NUMBER,
            waba_id="419500000000001",
            webhook_url=f"{webhook_url}/whatsapp",
        ),
        InstagramAccount(
            **meta, access_token=INSTAGRAM_TOKEN, account_id=PROFILE, webhook_url=f"{webhook_url}/instagram"
        ),
        ModelAccount(api_key=MODEL_KEY),
    ]
    simulator = create_simulator(Accounts(accounts=accounts), now=clock, patience=(0.0, 0.01, 0.01))
    yield simulator
    await simulator.close()


@pytest.fixture
async def url(simulator_door: Door, simulator: Simulator) -> str:
    simulator_door.app = simulator.app
    return simulator_door.url


@pytest.fixture(scope="session")
async def speaking(simulator_door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=simulator_door.url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
async def client(url: str, speaking: httpx.AsyncClient) -> httpx.AsyncClient:
    """Speaks to the simulator."""
    return speaking
