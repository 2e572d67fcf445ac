"""A shop, its documents and its customers: what the answering tests share."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
from pydantic import SecretStr

from shared.answering.model import ModelEndpoint
from shared.answering.persona import Persona
from shared.answering.policy.rules import Policy
from shared.answering.values import Ask, Limits, Said
from tests.answering.fake_model import FakeModel

BRAND = UUID("b1000000-0000-4000-8000-000000000001")
MONDAY_NOON = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
"""12:00 in Tehran."""
FAST = Limits(first_token=0.4, call=0.8, ladder=1.4, search=0.3, stop_poll=0.02)


@dataclass(frozen=True)
class Piece:
    """A passage as search gives it."""

    title: str
    place: str
    text: str
    score: float = 1.0
    chunk_id: UUID = field(init=False)
    asset_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asset_id", uuid5(BRAND, self.title))
        object.__setattr__(self, "chunk_id", uuid5(BRAND, self.title + self.place + self.text))


@dataclass(frozen=True)
class Result:
    """What a search brings back."""

    passages: tuple[Piece, ...]
    index_version: str = "sparse-1"
    confidence: float = 0.8


HOURS = Piece(
    "راهنمای فروشگاه",
    "ساعت کاری",
    "فروشگاه از شنبه تا چهارشنبه ساعت ۹ تا ۱۸ باز است. پنجشنبه‌ها تا ساعت ۱۳ هستیم. جمعه‌ها تعطیل است.",
)
RETURNS = Piece(
    "راهنمای فروشگاه",
    "مرجوعی",
    "تا ۷ روز پس از تحویل می‌توانید کالا را مرجوع کنید. هزینهٔ بازگشت با فروشگاه است. "
    "فرم مرجوعی: https://shop.example.ir/returns",
)
SHIPPING = Piece(
    "Shop guide",
    "Shipping",
    "We ship to every city in Iran. Orders over 500,000 toman ship free. Delivery takes 2 to 4 working days.",
)
PASSAGES = (HOURS, RETURNS, SHIPPING)


@dataclass
class Library:
    """A search over fixed passages that remembers what it was asked."""

    result: Result = Result(PASSAGES)
    asked: list[tuple[str, tuple[Said, ...], int]] = field(default_factory=list)
    problem: Exception | None = None
    never: bool = False

    async def __call__(self, question: str, history: tuple[Said, ...], limit: int) -> Result:
        self.asked.append((question, history, limit))
        if self.problem:
            raise self.problem
        if self.never:
            await asyncio.Event().wait()
        return self.result


def asking(question: str, **changes: Any) -> Ask:
    """A customer's first message to a shop with everything at its defaults, but for *changes*."""
    usual = {
        "history": (), "persona": Persona(), "persona_version": 3, "policy": Policy(), "policy_version": 5,
        "status": "bot", "misses": 0, "brand_id": BRAND,
    }  # fmt: skip
    return Ask(question=question, **{**usual, **changes})


@pytest.fixture
async def fake() -> AsyncIterator[FakeModel]:
    async with FakeModel() as server:
        yield server


@pytest.fixture
def endpoint(fake: FakeModel) -> ModelEndpoint:
    return ModelEndpoint(fake.base_url, SecretStr("sk-test"), "big", "small")


@dataclass
class Listener:
    """Keeps what was spoken."""

    heard: list[str] = field(default_factory=list)

    async def __call__(self, piece: str) -> None:
        self.heard.append(piece)

    @property
    def text(self) -> str:
        return "".join(self.heard)
