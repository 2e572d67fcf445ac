"""The running product as a browser's user knows it: an address, and somebody who may sign in."""

from dataclasses import dataclass

import pytest

from tests.product import Product


@dataclass(frozen=True)
class Site:
    """Where the product is, and its owner's account."""

    url: str
    email: str
    password: str


@pytest.fixture(scope="session")
def product_url(product: Product) -> Site:
    owner = product.up["operator"]
    return Site(product.url, owner["email"], owner["password"])
