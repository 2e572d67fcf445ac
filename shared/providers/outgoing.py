"""What becomes of a send. A provider either gives its id of the message, or one of these is raised:

    NotSent
    ├── Later           refused for now, or never reached the provider: nothing ambiguous, try again
    ├── Refused         permanent for this part
    ├── ChannelRefused  permanent for the channel until the tenant acts
    └── Ambiguous       the request was written, no readable answer came: it may have been sent

`reason` is a sentence for an operator and never holds a secret.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Literal, Protocol

from shared.errors import XinError

Scope = Literal["part", "pair", "channel"]
_REASON_CHARS = 300


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took the message."""

    provider_id: str
    """Unique within the channel: Telegram's message_id isn't, so the chat stands before it."""


class NotSent(XinError):
    """The root: the message was not taken, as far as we know."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:_REASON_CHARS])
        self.reason = reason[:_REASON_CHARS]


class Later(NotSent):
    """Refused for now, or no connection before the body was written. Nothing was sent."""

    def __init__(
        self, reason: str, *, wait_seconds: float | None = None, scope: Scope = "part", perhaps_taken: bool = False
    ) -> None:
        """*wait_seconds*: what the provider asked for; None leaves it to the caller (a pair limit wants 4ⁿ seconds).

        *scope*: what has to wait: this part, this customer of the channel, or the whole channel.
        *perhaps_taken*: a gateway refused it in the provider's place, perhaps after passing it on. In an outage all is
        refused that way, so it is tried again as often as it takes, but marked.
        """
        super().__init__(reason)
        self.wait_seconds = wait_seconds
        self.scope = scope
        self.perhaps_taken = perhaps_taken


class Refused(NotSent):
    """The provider will never take this part. The next one may leave."""

    def __init__(self, reason: str, *, contact_unreachable: bool = False) -> None:
        """*contact_unreachable*: nothing reaches this customer until they write again (blocked us, account gone)."""
        super().__init__(reason)
        self.contact_unreachable = contact_unreachable


class ChannelRefused(NotSent):
    """Token revoked, account restricted, bill unpaid: nothing leaves this channel until the tenant acts."""


class Ambiguous(NotSent):
    """The request was written and no readable answer came. Only reconciling, or one marked repeat, may follow."""


class Verdict(Enum):
    """What a line of a provider's error table means to us."""

    LATER = "later"
    LATER_PERHAPS_TAKEN = "later, perhaps taken"
    LATER_PAIR = "later for this customer"
    LATER_CHANNEL = "later for the channel"
    REFUSED = "refused"
    UNREACHABLE = "customer unreachable"
    CHANNEL_REFUSED = "channel refused"
    AMBIGUOUS = "ambiguous"

    def error(self, reason: str, wait_seconds: float | None = None) -> NotSent:
        """The exception to raise."""
        match self:
            case Verdict.LATER:
                return Later(reason, wait_seconds=wait_seconds)
            case Verdict.LATER_PERHAPS_TAKEN:
                return Later(reason, wait_seconds=wait_seconds, perhaps_taken=True)
            case Verdict.LATER_PAIR:
                return Later(reason, wait_seconds=wait_seconds, scope="pair")
            case Verdict.LATER_CHANNEL:
                return Later(reason, wait_seconds=wait_seconds, scope="channel")
            case Verdict.REFUSED:
                return Refused(reason)
            case Verdict.UNREACHABLE:
                return Refused(reason, contact_unreachable=True)
            case Verdict.CHANNEL_REFUSED:
                return ChannelRefused(reason)
            case Verdict.AMBIGUOUS:
                return Ambiguous(reason)


class Sender(Protocol):
    """One channel's way out. Made with an `httpx.AsyncClient`, the provider's URL and the channel's credentials."""

    reconcile_seconds: ClassVar[int]
    """How long a status or an echo may take to settle an ambiguous send; 0 where the provider tells us nothing."""

    @staticmethod
    def split(text: str) -> list[str]:
        """Pieces that the provider takes, each to be sent as a part of its own."""

    async def send(self, recipient: str, text: str, *, part: str) -> Sent:
        """Raises NotSent. *recipient*: the contact's `reply_to`, else its id. *part*: our own id."""

    async def typing(self, recipient: str, *, message: str | None = None) -> None:
        """Shows that an answer is coming, best effort: never raises NotSent. *message*: key of what is answered."""
