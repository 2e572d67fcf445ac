"""Which secrets each kind of channel has: which the tenant brings, and which we generate."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict

from functions.console_api.fields import ProviderId, Secret


class GivenSecrets(BaseModel):
    """What the tenant brings. Tokens are stored sealed and never shown; the provider's ids are no secrets.

    `telegram`, `bale`: bot_token. `whatsapp`: access_token, app_secret, phone_number_id, waba_id. `instagram`:
    access_token, app_secret, account_id. Ours may be brought too: secret_token, verify_token, identity_secret.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    bot_token: Secret | None = None
    access_token: Secret | None = None
    app_secret: Secret | None = None
    phone_number_id: ProviderId | None = None
    waba_id: ProviderId | None = None
    account_id: ProviderId | None = None
    secret_token: Secret | None = None
    verify_token: Secret | None = None
    identity_secret: Secret | None = None


class GeneratedSecrets(BaseModel):
    """What we made, to be told to the provider or built into the tenant's site."""

    secret_token: str | None = None
    """For `setWebhook`: Telegram and Bale send it back with every call."""
    verify_token: str | None = None
    """For Meta's handshake, where the webhook is entered."""
    identity_secret: str | None = None
    """The tenant's own site signs its visitors' identities with it (HS256)."""


@dataclass(frozen=True)
class Needs:
    """What a kind of channel has. *account* names the provider's id of our side; *settings* are ids beside it."""

    brings: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    account: str | None = None
    settings: tuple[str, ...] = ()


NEEDS: Mapping[str, Needs] = MappingProxyType(
    {
        "telegram": Needs(brings=("bot_token",), generated=("secret_token",)),
        "bale": Needs(brings=("bot_token",), generated=("secret_token",)),
        "whatsapp": Needs(
            brings=("access_token", "app_secret"),
            generated=("verify_token",),
            account="phone_number_id",
            settings=("waba_id",),
        ),
        "instagram": Needs(brings=("access_token", "app_secret"), generated=("verify_token",), account="account_id"),
        "web": Needs(generated=("identity_secret",)),
    }
)


@dataclass(frozen=True)
class SortedOut:
    """What goes where. *generated* is part of *secrets*, and what the answer may show."""

    account: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    generated: dict[str, str] = field(default_factory=dict)


def for_new(kind: str, given: GivenSecrets) -> SortedOut:
    """Everything that the kind needs. Raises RequestValidationError for what is missing or out of place."""
    needs = NEEDS[kind]
    values = given.model_dump(exclude_none=True)
    wanted = (*needs.brings, *((needs.account,) if needs.account else ()), *needs.settings)
    _complain({name: f"a {kind} channel needs it" for name in wanted if name not in values})
    return _sort(kind, values, make=[name for name in needs.generated if name not in values])


def for_change(kind: str, given: GivenSecrets, *, rotate: Sequence[str]) -> SortedOut:
    """What is given, and those of *rotate* made anew. Raises RequestValidationError for what is out of place."""
    values = given.model_dump(exclude_none=True)
    _complain(
        {name: f"a {kind} channel has none of our making" for name in rotate if name not in NEEDS[kind].generated}
    )
    return _sort(kind, values, make=[name for name in rotate if name not in values])


def _sort(kind: str, values: dict[str, str], *, make: Sequence[str]) -> SortedOut:
    needs = NEEDS[kind]
    known = {*needs.brings, *needs.generated, *needs.settings, needs.account}
    _complain({name: f"a {kind} channel has none" for name in values if name not in known})
    made = {name: secrets.token_urlsafe(32) for name in make}
    kept = {name: value for name, value in values.items() if name in (*needs.brings, *needs.generated)}
    settings: dict[str, Any] = {name: values[name] for name in needs.settings if name in values}
    if any(name in values for name in needs.brings):
        settings["simulated"] = False  # the demo's channels are, until they get a provider's real token
    return SortedOut(
        account=values.get(needs.account) if needs.account else _bot_id(values.get("bot_token")),
        settings=settings,
        secrets=kept | made,
        generated=made,
    )


def _bot_id(token: str | None) -> str | None:
    """The part of a bot token before the colon. https://core.telegram.org/bots/api#authorizing-your-bot"""
    return token.partition(":")[0] if token else None


def _complain(problems: Mapping[str, str]) -> None:
    if problems:
        raise RequestValidationError(
            [
                {"loc": ("body", "secrets", name), "msg": message, "type": "value_error"}
                for name, message in problems.items()
            ]
        )
