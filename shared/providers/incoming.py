"""What a webhook yields, in our words whoever the provider is.

An `Incoming` is a customer speaking to us and wants an answer. Everything else a provider tells us (a status, an echo,
an edit, a read mark, something new) is a `ProviderEvent`: stored as it came, joined later with what it speaks of.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.providers.outgoing import Verdict

DeliveryState = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A customer's message, button press or command."""

    sender: str
    """The customer's stable id: Telegram's chat id, WhatsApp's BSUID (else the phone), Instagram's IGSID."""
    key: str
    """The provider's unique id of it; the same key again is the same message again."""
    kind: str
    """text, command, button, form, photo, video, voice, audio, animation, sticker, document, location, contact, poll,
    dice, order, share, story, story_mention, ..., unsupported"""
    text: str
    """What was written: the text, a caption, a button's title. Empty where there are no words."""
    name: str | None
    language: str | None
    sent_at: datetime | None
    """The provider's clock, with its zone."""
    payload: dict[str, Any]
    """As it came, but for characters that no database keeps."""
    account: str | None = None
    """Our side's id at the provider where the body names it: a batch may speak of several accounts."""
    reply_to: str | None = None
    """The address to answer where it isn't *sender*: WhatsApp wants the very phone number that wrote, while visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """Anything a provider tells us that isn't a customer speaking to us."""

    key: str
    """Unique within the channel, the same on redelivery."""
    kind: str
    """status, echo, edit, deletion, reaction, read, blocked, unblocked, group, bot, business, service, system, standby,
    test, error, referral, unknown, unreadable"""
    provider_id: str | None = None
    """The provider's id of the message it speaks of."""
    part: str | None = None
    """Our own part id, where the provider gave it back."""
    state: DeliveryState | None = None
    reason: str | None = None
    """Why it failed, or why it couldn't be read."""
    verdict: Verdict | None = None
    """What a failure means beyond its message: for the customer, or for the whole channel."""
    recipient: str | None = None
    """The customer it concerns, as in `Incoming.sender`."""
    text: str | None = None
    at: datetime | None = None
    payload: dict[str, Any]
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One webhook body. Messages come in the body's order; Meta promises no order at all."""

    account: str | None
    """The one account all of it belongs to; None where the body names none or several: then look at each item's."""
    messages: tuple[Incoming, ...]
    events: tuple[ProviderEvent, ...]


def batch_of(items: list[Incoming | ProviderEvent]) -> Batch:
    """Sorts what was found; Batch.account is the one account that all items name."""
    accounts = {item.account for item in items}
    return Batch(
        account=accounts.pop() if len(accounts) == 1 else None,
        messages=tuple(item for item in items if isinstance(item, Incoming)),
        events=tuple(item for item in items if isinstance(item, ProviderEvent)),
    )
