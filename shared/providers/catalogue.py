"""Every kind of channel there is. A new one is a module beside this, and a line here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import httpx

from shared.providers import instagram, telegram, web, whatsapp
from shared.providers.credentials import Credentials
from shared.providers.incoming import Batch
from shared.providers.outgoing import Sender


class Verify(Protocol):
    """Raises Forged unless one of *secrets* is proven. *headers*: names in lower case, or a case-blind mapping."""

    def __call__(
        self, body: bytes, *, headers: Mapping[str, str], query: Mapping[str, str], secrets: Iterable[str]
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Provider:
    """One kind of channel: how it is read, and how it is written to."""

    kind: str
    credentials: type[Credentials]
    sender: Callable[[httpx.AsyncClient, str, Any], Sender]
    """Takes the client, the provider's URL without a trailing slash, and *credentials*."""
    split: Callable[[str], list[str]]
    reconcile_seconds: int
    window_hours: int | None = None
    """How long after the customer's last message free text is taken. None: always."""
    verify: Verify | None = None
    """None for the widget, which has sessions and no webhook."""
    parse: Callable[[bytes], Batch] | None = None
    """Raises Unreadable."""
    handshake: Callable[[Mapping[str, str], str], str] | None = None
    """Query and verify token to the challenge; raises Forged. Meta only."""
    secret: str = ""
    """The name of the channel's secret that *verify* asks for."""
    signs_body: bool = False
    """Whether the proof is over the body; else it can be asked for before the body is read."""


PROVIDERS: Mapping[str, Provider] = MappingProxyType(
    {
        provider.kind: provider
        for provider in (
            Provider(
                kind="telegram",
                secret="secret_token",  # noqa: S106
                credentials=telegram.TelegramCredentials,
                sender=telegram.TelegramSender,
                split=telegram.TelegramSender.split,
                reconcile_seconds=telegram.TelegramSender.reconcile_seconds,
                verify=telegram.verify,
                parse=telegram.parse,
            ),
            Provider(
                kind="bale",
                secret="secret_token",  # noqa: S106
                credentials=telegram.TelegramCredentials,
                sender=telegram.BaleSender,
                split=telegram.BaleSender.split,
                reconcile_seconds=telegram.BaleSender.reconcile_seconds,
                verify=telegram.verify_bale,
                parse=telegram.parse,
            ),
            Provider(
                kind="whatsapp",
                secret="app_secret",  # noqa: S106
                signs_body=True,
                credentials=whatsapp.WhatsAppCredentials,
                sender=whatsapp.WhatsAppSender,
                split=whatsapp.WhatsAppSender.split,
                reconcile_seconds=whatsapp.WhatsAppSender.reconcile_seconds,
                window_hours=whatsapp.WINDOW_HOURS,
                verify=whatsapp.verify,
                parse=whatsapp.parse,
                handshake=whatsapp.handshake,
            ),
            Provider(
                kind="instagram",
                secret="app_secret",  # noqa: S106
                signs_body=True,
                credentials=instagram.InstagramCredentials,
                sender=instagram.InstagramSender,
                split=instagram.InstagramSender.split,
                reconcile_seconds=instagram.InstagramSender.reconcile_seconds,
                window_hours=instagram.WINDOW_HOURS,
                verify=instagram.verify,
                parse=instagram.parse,
                handshake=instagram.handshake,
            ),
            Provider(
                kind="web",
                credentials=web.WebCredentials,
                sender=web.WebSender,
                split=web.WebSender.split,
                reconcile_seconds=web.WebSender.reconcile_seconds,
            ),
        )
    }
)
