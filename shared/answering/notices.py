"""What the customer is told when a conversation changes hands.

A notice is no answer: it leaves whoever may speak.

bot → waiting       the turn's own words (handover_text, waiting_text, closed_text)
… → human           takeover_text, where a person was promised; an operator who writes at once tells by writing
human → bot         release_text, where a person spoke and nothing waits for the bot's answer
… → resolved        resolve_text, if the policy wants it
… → human, outside  nothing: the customer has the person's message already
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.answering.persona import Persona
from shared.answering.policy.before import reply_language
from shared.answering.policy.rules import Policy
from shared.answering.values import Said


@dataclass(frozen=True)
class Transition:
    """How a conversation changed hands."""

    to: Literal["taken_over", "released", "resolved"]
    promised: bool = False
    """The customer had been promised a person."""
    pending: bool = False
    """Something waits for the bot, which answers at once."""
    spoken: bool = False
    """The last word was a person's."""


def notice(
    transition: Transition,
    persona: Persona,
    policy: Policy,
    *,
    hint: str | None = None,
    said: Sequence[Said] = (),
) -> str | None:
    """The words, in the customer's language; None where the policy says nothing.

    *hint* and *said*: the contact's language, and what they said lately.
    """
    rules = policy.handover
    match transition.to:
        case "taken_over":
            told = rules.tell_takeover == "always" or (rules.tell_takeover == "promised" and transition.promised)
            wording = persona.takeover_text
        case "released":
            told = rules.tell_release and transition.spoken and not transition.pending
            wording = persona.release_text
        case "resolved":
            told, wording = rules.tell_resolve, persona.resolve_text
    if not told:
        return None
    last = said[-1].text if said else ""
    return persona.say(wording, reply_language(persona, policy, last, hint=hint, history=said))
