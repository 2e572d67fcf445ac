"""The chat widget on the tenant's own site. What is stored is delivered: there is nobody to call."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.providers import bodies
from shared.providers.credentials import Credentials
from shared.providers.incoming import Incoming
from shared.providers.outgoing import Sent

TEXT_BYTES = 40_000


def _fits(text: str) -> str:
    if len(text.encode(errors="surrogatepass")) > TEXT_BYTES:
        raise ValueError(f"at most {TEXT_BYTES} bytes")
    return text


class WidgetMessage(BaseModel):
    """What the widget posts. The browser makes `client_msg_id`, so that sending it again is harmless."""

    model_config = ConfigDict(frozen=True)

    client_msg_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    type: Literal["text"] = "text"
    text: Annotated[str, Field(min_length=1), AfterValidator(_fits)]


def incoming(posted: WidgetMessage, *, session: str, visitor: str, at: datetime, name: str | None = None) -> Incoming:
    """A visitor's message. *session*: the session's id, never its token; with client_msg_id it makes the key."""
    return Incoming(
        sender=visitor,
        key=bodies.key(session, posted.client_msg_id),
        kind="text",
        text=bodies.storable(posted.text),
        name=name,
        language=None,
        sent_at=at,
        payload={"client_msg_id": posted.client_msg_id},
    )


class WebCredentials(Credentials):
    """The widget needs none."""


class WebSender:
    """Nothing leaves the house: the stored message is what the widget shows."""

    reconcile_seconds: ClassVar[int] = 0

    def __init__(self, client: httpx.AsyncClient, api_url: str, credentials: WebCredentials) -> None:
        """Made like the others, and keeps nothing."""

    @staticmethod
    def split(text: str) -> list[str]:
        """One piece: the widget has no limit."""
        return [text] if text else []

    async def send(self, recipient: str, text: str, *, part: str) -> Sent:
        """Always taken."""
        return Sent(part)

    async def typing(self, recipient: str, *, message: str | None = None) -> None:
        """Typing reaches the widget over its stream."""
