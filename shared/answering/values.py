"""What goes into a turn and what comes out of it. Plain values: they can be stored, replayed and compared."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.answering.persona import Language, Persona
from shared.answering.policy.rules import Policy

Role = Literal["customer", "bot", "operator", "system"]
Outcome = Literal["answered", "abstained", "handed_over", "refused", "greeted"]
Status = Literal["bot", "waiting"]


@dataclass(frozen=True)
class Said:
    """An earlier message of the conversation."""

    role: Role
    text: str


class Passage(Protocol):
    """A piece of a document, as search found it."""

    @property
    def chunk_id(self) -> UUID: ...
    @property
    def asset_id(self) -> UUID: ...
    @property
    def title(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float: ...


class Found(Protocol):
    """What a search brings back, best passage first."""

    @property
    def passages(self) -> tuple[Passage, ...]: ...
    @property
    def index_version(self) -> str: ...
    @property
    def confidence(self) -> float:
        """0 to 1."""
        ...


Search = Callable[[str, tuple[Said, ...], int], Awaitable[Found]]
"""(question, what was said before, how many passages) → what was found, for the tenant and brands it was made for."""
Speak = Callable[[str], Awaitable[None]]
"""Takes a checked piece of the answer while the rest is still being worded. Together they are the reply's text."""


@dataclass(frozen=True)
class Ask:
    """A turn to answer: all that the rows say, none of the machinery around them."""

    question: str
    """The customer's unanswered messages, joined by line breaks."""
    history: tuple[Said, ...]
    """Oldest first, without the question."""
    persona: Persona
    persona_version: int
    policy: Policy
    policy_version: int
    status: Status
    misses: int
    """Turns in a row that found no answer, before this one."""
    brand_id: UUID
    language_hint: str | None = None
    """ISO 639-1, from the provider or the page."""
    kind: str = "text"
    """Of the newest message; anything else than `text` with an empty question can't be read."""


@dataclass(frozen=True)
class Limits:
    """How long a turn may take, in seconds; each inside the next."""

    first_token: float = 8
    call: float = 15
    ladder: float = 25
    """Both models together; then the extractive answerer, which takes milliseconds."""
    search: float = 5
    stop_poll: float = 0.25
    """How often a call in flight asks whether it should stop."""


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class Source(_Stored):
    """Where an answer comes from, as the customer sees it."""

    asset_id: UUID
    title: str
    place: str


class PolicyHit(_Stored):
    """A rule that fired."""

    stage: Literal["before", "after"]
    rule: str
    detail: str = ""


class Rung(_Stored):
    """One try to word the answer."""

    model: str
    """A model's name, or `extractive`."""
    outcome: str
    """`answered`, `no_answer`, or the failure's name: `timeout_first_token`, `http_429`, `policy_prompt_leak`…"""
    ms: int = 0
    first_token_ms: int | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    counted: bool = False
    """Whether the provider counted the tokens; else they are estimated from the characters."""


class Considered(_Stored):
    """A passage that the answer was made from."""

    chunk_id: UUID
    asset_id: UUID
    title: str
    place: str
    score: float
    cited: bool = False
    text: str = ""
    """Kept where it was cited: the proof must outlive the document's next version."""


class Cited(_Stored):
    """A sentence of the reply and the passages it stands on."""

    sentence: str
    chunk_ids: tuple[UUID, ...]


class Timings(_Stored):
    """In milliseconds."""

    search: int = 0
    wording: int = 0
    total: int = 0


class Trace(_Stored):
    """Everything a turn saw and did: what an operator reads, and what a replay is compared with."""

    persona_version: int
    policy_version: int
    prompt_version: str
    index_version: str = ""
    question: str
    language: Language
    at: str
    """The moment the policy judged by, ISO 8601."""
    confidence: float = 0.0
    support: float = 0.0
    """How much of the question the extractive answerer found in its quotation, 0 to 1."""
    passages: tuple[Considered, ...] = ()
    citations: tuple[Cited, ...] = ()
    fired: tuple[PolicyHit, ...] = ()
    rungs: tuple[Rung, ...] = ()
    failures: tuple[str, ...] = ()
    """What broke outside the model: `search: timeout`, `speak: ConnectionError`."""
    timings_ms: Timings = Timings()


class Reply(_Stored):
    """What to say and where the conversation stands then. `text` is never empty."""

    text: str
    outcome: Outcome
    status: Status
    misses: int
    language: Language
    sources: tuple[Source, ...] = ()
    trace: Trace
    model: str | None = None
    """Whose words they are; None where no model spoke."""
    tokens_in: int = 0
    tokens_out: int = 0
    """Of all rungs: a call that failed was paid for too."""
