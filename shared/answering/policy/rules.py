"""The rules a tenant writes: the JSON body of a row of `policies`.

Matching is by whole words on the search copy of a text, never by a tenant's regular expression: a pattern that
backtracks would hang every tenant of the process.
"""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.answering.persona import Language, Wording

Weekday = Literal["sat", "sun", "mon", "tue", "wed", "thu", "fri"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday()`."""

Phrase = Annotated[str, Field(min_length=1, max_length=120)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"{name!r} is not a time zone") from unknown
    return name


def _host(value: str) -> str:
    host = value.strip().lower().rstrip(".")
    if not host or any(c in host for c in "/:@?# *\\"):
        raise ValueError("a host name such as shop.example.ir, without scheme or path")
    return host


class BlockedTopic(_Rules):
    """What the bot does not talk about."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    phrases: Annotated[tuple[Phrase, ...], Field(min_length=1, max_length=200)]
    """Any of them in the question blocks it, as whole words, whatever the letters, digits and half-spaces."""
    answer: Wording | None = None
    """Said instead; without one, the persona's `refuse_text`."""


class Span(_Rules):
    """Open from `opens` until just before `closes`; a `closes` not after `opens` is on the next day."""

    opens: Clock
    closes: Clock

    @property
    def starts(self) -> int:
        """Minutes after midnight."""
        return _minutes(self.opens)

    @property
    def ends(self) -> int:
        """Minutes after the midnight that `opens` counts from: over 1440 when it is on the next day."""
        end = _minutes(self.closes)
        return end if end > self.starts else end + 24 * 60


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _usual_week() -> dict[Weekday, tuple[Span, ...]]:
    return {day: (Span(opens="09:00", closes="18:00"),) for day in WEEKDAYS if day != "fri"}


class Hours(_Rules):
    """When people are there."""

    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Tehran"
    weekly: dict[Weekday, Annotated[tuple[Span, ...], Field(max_length=6)]] = Field(default_factory=_usual_week)
    """A day that is missing is closed."""
    holidays: Annotated[tuple[date, ...], Field(max_length=400)] = ()
    """Closed all day, by the calendar of the time zone (Gregorian dates; the console shows Jalali ones)."""
    outside: Literal["answer", "closed"] = "answer"
    """Outside the hours: the bot answers all the same, or says that it is closed and promises a person."""


class Handover(_Rules):
    """When a person takes over."""

    phrases: Annotated[tuple[Phrase, ...], Field(max_length=200)] = ()
    """The brand's own, beside the ways of asking for a person that we know in Persian and English."""
    after_misses: Annotated[int, Field(ge=1, le=20)] = 3
    """Turns in a row without an answer."""
    resume_minutes: Annotated[float, Field(ge=0, le=10_080)] = 60
    """A colleague who answers in Instagram's or WhatsApp's own app silences the bot until so long after their
    last word. 0: until an operator gives the conversation back."""
    tell_takeover: Literal["promised", "always", "never"] = "promised"
    """Whether the customer is told that a colleague is here: when they were promised one, always, or never."""
    tell_release: bool = True
    """Whether the customer is told that the bot is back, where it has nothing to answer at once."""
    tell_resolve: bool = False
    """Whether the customer is told that the conversation was closed. It costs a message, and often a "thanks" more."""


class Retrieval(_Rules):
    """What is looked up before answering."""

    enabled: bool = True
    limit: Annotated[int, Field(ge=1, le=20)] = 6
    brands: tuple[UUID, ...] = ()
    """Whose documents besides those of every brand; empty means the conversation's own brand."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of the search as a whole. Below it the bot abstains without asking the model."""
    min_fit: Annotated[float, Field(ge=0, le=1)] = 0.38
    """Where no model judges whether a quotation answers: the mean of the search's confidence and of the share of the
    question that stands in the quotation. On Persian questions 0.38 keeps 98 of 100 right quotations, and lets 16
    to 23 of 100 questions through whose passage is missing."""


class AnswerRules(_Rules):
    """What an answer may look like."""

    max_chars: Annotated[int, Field(ge=80, le=4000)] = 1200
    allowed_link_hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(max_length=100)] = ()
    """Their links may always be given, subdomains included; any other only as it stands in a cited passage."""
    require_sources: bool = True
    """A sentence that states something must cite a passage, or visibly come from one; numbers must stand in it."""


class Policy(_Rules):
    """Every field has a default, so `{}` is a policy that works.

    Unknown fields are ignored when a row is read (a newer release may have written it); whoever takes one from a
    person validates with `extra="forbid"`.
    """

    blocked_topics: Annotated[tuple[BlockedTopic, ...], Field(max_length=100)] = ()
    hours: Hours | None = None
    """None: always open."""
    handover: Handover = Handover()
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("fa", "en")
    """What the bot may answer in; a customer who writes anything else is answered in the first."""
    retrieval: Retrieval = Retrieval()
    answer: AnswerRules = AnswerRules()
    quiet_ms: Annotated[int, Field(ge=0, le=10_000)] = 0
    """How long a conversation must be quiet before a burst is answered."""

    @model_validator(mode="after")
    def _some_day_open(self) -> Self:
        if self.hours and self.hours.outside == "closed" and not any(self.hours.weekly.values()):
            raise ValueError("hours: with `outside: closed` at least one day must open")
        return self
