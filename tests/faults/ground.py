"""What stages and halls stand on: a database, a broker in the test's hands, the simulator for a provider, a clock."""

import asyncio
from abc import abstractmethod
from dataclasses import dataclass

from events import Event
from local.machine.schema import DatabaseUrls
from local.simulator import Accounts, Simulator, create_simulator
from tests.conftest import S3
from tests.faults.courier import Courier
from tests.faults.shop import KEYS, Shop, SuperUser, until

TAKES_EVENTS = ("orchestrate", "deliver", "embed-chunk", "automation-tick")
INGRESS = {
    "telegram": "ingress-telegram",
    "bale": "ingress-telegram",
    "whatsapp": "ingress-whatsapp",
    "instagram": "ingress-instagram",
    "web": "ingress-web",
}
TICK = {
    "ce-specversion": "1.0",
    "ce-type": "dev.knative.sources.ping",
    "ce-source": "/xin/test/tick",
    "content-type": "application/json",
}
LONGEST_WAIT_SECONDS = 121
"""Longer than a lease, a send slot, reconciling and the tick's patience."""
RETRIES = 5
"""As k8s/base has it."""
ROUNDS = 8
QUIET_SECONDS = 0.05


@dataclass
class Ground:
    """See above. Who runs the functions, and how, is a subclass' business."""

    urls: DatabaseUrls
    database: SuperUser
    courier: Courier
    simulator: Simulator

    @abstractmethod
    async def tick(self, url: str = "") -> int:
        """The clock beats; the answer of automation-tick, or of the one at *url*."""

    @abstractmethod
    async def shop(self, kind: str = "telegram") -> Shop:
        """A tenant with a channel of *kind*, and everybody who is needed to answer on it."""

    async def redeliver(self, *kinds: type[Event]) -> None:
        """The broker comes again with what got no 2xx, of *kinds* or of all, under the ids it had; five times."""
        await self.courier.rest()
        for letter in self.courier.undelivered(*kinds):
            answers = [await self.courier.deliver(letter)]
            while answers[-1] != 204 and len(answers) < RETRIES:
                answers.append(await self.courier.deliver(letter))
            assert answers[-1] == 204, answers

    async def quiet(self) -> None:
        """Returns when nothing was published for a moment and nothing is being delivered."""
        seen = -1
        while seen != len(self.courier.letters):
            seen = len(self.courier.letters)
            await self.courier.rest()
            await asyncio.sleep(QUIET_SECONDS)

    async def settle(self, shop: Shop) -> None:
        """Lets time pass and the clock beat until nothing of the shop's is open any more. Fails when that never is."""
        for _ in range(ROUNDS):
            await self.quiet()
            await shop.age(LONGEST_WAIT_SECONDS)
            if not (due := await shop.due()):
                return
            await self.tick()
        raise AssertionError(f"never done: {due}")

    async def answered(self, shop: Shop, sender: str, copies: int = 1) -> None:
        """Returns when the provider has taken so many messages for the customer."""
        await until(lambda: len(shop.heard(sender)) >= copies, f"{copies} at the provider")


def simulated() -> Simulator:
    """A provider of every kind that comes again every tenth of a second while it gets no 2xx."""
    return create_simulator(Accounts(any_chat=True, any_webhook_url=True), patience=[0.1] * 20)


def environment_of(
    database: str, valkey: str, object_store: S3, sink: str, provider: str, vectors: object
) -> dict[str, str]:
    """What a container of any function would be given."""
    return {
        "DATABASE_URL": database,
        "REDIS_URL": valkey,
        "K_SINK": sink,
        "XIN_SECRET_KEYS": KEYS,
        "XIN_TOKEN_KEYS": KEYS,
        "XIN_VECTORS_PATH": str(vectors),
        "AWS_ENDPOINT_URL_S3": object_store.endpoint,
        "AWS_ACCESS_KEY_ID": object_store.access_key,
        "AWS_SECRET_ACCESS_KEY": object_store.secret_key,
        "XIN_BUCKET": object_store.bucket,
        "TELEGRAM_API_URL": f"{provider}/telegram",
        "BALE_API_URL": f"{provider}/bale",
        "GRAPH_API_URL": f"{provider}/graph",
        "INSTAGRAM_API_URL": f"{provider}/instagram",
    }
