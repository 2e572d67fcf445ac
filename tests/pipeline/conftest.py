"""The product under test, with customers outside of it.

product   one running product for the session, shared with tests/browser (see tests/conftest.py); nothing here kills it
provider  its Telegram and Bale
desk      the demo tenant's owner, signed in
start     products of a test's own, which it may kill
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.pipeline.desk import Desk
from tests.pipeline.provider import Provider
from tests.product import Product

Start = Callable[..., tuple[Product, Provider]]


@pytest.fixture(scope="session")
def desk(product: Product) -> Desk:
    return Desk(product.sign_in())


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Call it with more environment; whatever still runs is ended after the module."""
    started: list[tuple[Product, Provider]] = []

    def new(**environment: str) -> tuple[Product, Provider]:
        provider = Provider().start()
        home = tmp_path_factory.mktemp("own product") / "state"
        product = Product(home, environment={**provider.environment, **environment})
        started.append((product, provider))
        product.start()
        provider.admit(product.up, product.simulator)
        return product, provider

    yield new
    for product, provider in started:
        if product.process and product.process.poll() is None:
            product.stop()
        provider.stop()


def processes_of(home: Path) -> list[psutil.Process]:
    """Whatever runs for *home*, found by the mark that every child of the supervisor carries."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("XIN_SUPERVISED_IN") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
