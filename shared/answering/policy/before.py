"""The policy before anything is looked up: answer, greet, refuse, close or call a person; and what to look up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.answering.persona import Language, Persona
from shared.answering.policy.opening import is_open
from shared.answering.policy.phrases import first_held, words
from shared.answering.policy.rules import BlockedTopic, Policy, Retrieval
from shared.answering.policy.wishes import asks_for_person, is_greeting, is_thanks, is_yes
from shared.answering.values import PolicyHit, Said
from shared.text.persian import language_of

Action = Literal["answer", "greet", "thank", "refuse", "closed", "handover", "unreadable"]


@dataclass(frozen=True)
class State:
    """Where the conversation stands when the question comes."""

    readable: bool
    """Whether there is text to read."""
    offered: bool
    """Whether the bot's last words offered a person."""


@dataclass(frozen=True)
class Before:
    """What to do, and why."""

    action: Action
    retrieval: Retrieval
    is_open: bool
    fired: tuple[PolicyHit, ...] = ()
    topic: BlockedTopic | None = None
    """The blocked topic, when the action is `refuse`."""


def decide(policy: Policy, question: str, state: State, now: datetime) -> Before:
    """The first rule that fires decides. A wish for a person comes first: no rule may keep a customer from one."""
    opened = is_open(policy.hours, now)

    def verdict(action: Action, rule: str, detail: str = "", topic: BlockedTopic | None = None) -> Before:
        return Before(action, policy.retrieval, opened, (PolicyHit(stage="before", rule=rule, detail=detail),), topic)

    said = words(question)
    if phrase := first_held(said, policy.handover.phrases):
        return verdict("handover", "person_asked", phrase)
    if asks_for_person(said):
        return verdict("handover", "person_asked")
    if state.offered and is_yes(said):
        return verdict("handover", "person_accepted")
    for topic in policy.blocked_topics:
        if phrase := first_held(said, topic.phrases):
            return verdict("refuse", "blocked_topic", f"{topic.name}: {phrase}", topic)
    if not opened and policy.hours is not None and policy.hours.outside == "closed":
        return verdict("closed", "outside_hours")
    if not state.readable:
        return verdict("unreadable", "not_text")
    if is_greeting(said):
        return verdict("greet", "greeting")
    if not said or is_thanks(said):  # an emoji or a dot asks nothing either
        return verdict("thank", "thanks")
    return Before("answer", policy.retrieval, opened)


_FINGLISH = frozenset(
    words("salam slm mersi chetori mikham lotfan daram darid chand chande gheymat kojast mamnoon khoobi baraye")
)
"""Persian in Latin letters, by the words that give it away."""


def reply_language(
    persona: Persona, policy: Policy, question: str, *, hint: str | None = None, history: Sequence[Said] = ()
) -> Language:
    """The persona's own; else the question's, the hint's or the conversation's, as far as the policy allows it."""
    wanted = persona.language if persona.language != "auto" else _spoken(question, hint, history)
    return wanted if wanted in policy.languages else policy.languages[0]


def _spoken(question: str, hint: str | None, history: Sequence[Said]) -> Language:
    earlier = [said.text for said in reversed(history) if said.role == "customer"]
    guesses = [_written_in(question), _OURS.get((hint or "").split("-")[0].lower()), *map(_written_in, earlier)]
    return next((guess for guess in guesses if guess), "fa")


_OURS: dict[str, Language] = {"fa": "fa", "en": "en", "ar": "fa", "ur": "fa", "ps": "fa", "ckb": "fa"}
"""Whoever writes Arabic script reads Persian sooner than English here."""


def _written_in(text: str) -> Language | None:
    if _FINGLISH & set(words(text)):
        return "fa"
    return _OURS.get(language_of(text))
