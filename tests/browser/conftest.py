"""The running product as a browser's user knows it, and Debian's Chromium to see it with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.async_api import Browser, BrowserContext, ViewportSize, async_playwright

from tests.product import Product

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]

OpenContext = Callable[..., Awaitable[BrowserContext]]


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


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for the session."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def open_context(browser: Browser) -> AsyncIterator[OpenContext]:
    """Makes fresh visitors: each has its own storage, so its own conversation. All are closed at the end."""
    made: list[BrowserContext] = []

    async def make(
        locale: str = "fa-IR", *, width: int = 1280, scheme: Literal["light", "dark"] = "light"
    ) -> BrowserContext:
        size = ViewportSize(width=width, height=844)
        context = await browser.new_context(locale=locale, viewport=size, color_scheme=scheme)
        context.set_default_timeout(10_000)
        made.append(context)
        return context

    yield make
    for context in made:
        await context.close()
