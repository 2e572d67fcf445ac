"""Signing in and out. An unknown address and a wrong password look alike, in the answer and in its time."""

import asyncio
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from functions.console_api.callers import SignedIn, TheConsole
from functions.console_api.console import Console
from functions.console_api.roles import PREFIX
from shared.errors import Forged
from shared.problems import Refused
from shared.security.tokens import LIFE_SECONDS, Claims
from shared.store import users
from shared.store.users import Account

REFUSAL_SECONDS = 0.3
"""A refusal takes at least so long: how many accounts an address has does not show."""

public = APIRouter(prefix=f"{PREFIX}/auth", tags=["auth"])
router = APIRouter(prefix=f"{PREFIX}/auth", tags=["auth"])


class SignInForm(BaseModel):
    """RFC 6749, 4.3.2 and 6."""

    grant_type: Literal["password", "refresh_token"] = "password"
    username: str = Field("", max_length=320, description="The e-mail address.")
    password: str = Field("", max_length=1024, json_schema_extra={"format": "password"})
    refresh_token: str = Field("", max_length=4096)


class TokenPair(BaseModel):
    """RFC 6749, 5.1. `refresh_token` lives seven days and is good for a new pair."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    refresh_token: str


@public.post("/token", summary="Sign in, or go on")
async def create_token(
    request: Request,
    console: TheConsole,
    form: Annotated[SignInForm, Form()],
) -> TokenPair:
    """`grant_type=password` with `username` (the e-mail address) and `password`, or `grant_type=refresh_token`.

    Only failed sign-ins are counted: ten a minute from one address for one e-mail, sixty in all, then 429.
    """
    if form.grant_type == "refresh_token":
        return _pair(console, await _go_on(console, form.refresh_token))
    address = request.client.host if request.client else "unknown"
    await _not_too_often(console, address, form.username)
    started = time.monotonic()
    account = await _whose(console, form.username.strip(), form.password)
    if account is None:
        await console.failed.count(address, form.username)
        await asyncio.sleep(max(0.0, started + REFUSAL_SECONDS - time.monotonic()))
        raise Refused(401, "This address and password don't belong together.", error="invalid_grant")
    return _pair(console, account)


@router.post("/sign-out", status_code=204, summary="Sign out everywhere")
async def sign_out(console: TheConsole, caller: SignedIn) -> None:
    """Ends every session of the account, on every device."""
    await users.end_sessions(console.store, caller.claims.tenant, caller.account)


async def check_password(console: Console, address: str, account: Account, password: str) -> None:
    """Whether the one who is signed in knows their password. Raises Refused; failures count as failed sign-ins."""
    await _not_too_often(console, address, account.email)
    if not await console.passwords.verify(password, account.password_hash):
        await console.failed.count(address, account.email)
        raise Refused(403, "This is not your present password.")


async def _not_too_often(console: Console, address: str, email: str) -> None:
    wait = await console.failed.wait_seconds(address, email)
    if wait:
        detail = f"Too many failed sign-ins. Try again in {wait} seconds."
        raise Refused(429, detail, headers={"Retry-After": str(wait)}, error="invalid_grant")


async def _whose(console: Console, email: str, password: str) -> Account | None:
    """The account that the password opens. An address may have one in several tenants, each with its own password."""
    accounts = await users.accounts_of(console.store, email)
    matches = [account for account in accounts if await console.passwords.verify(password, account.password_hash)]
    if not accounts:
        await console.passwords.verify(password, None)
    return matches[0] if matches else None


async def _go_on(console: Console, token: str) -> Account:
    try:
        claims = console.tokens.read(token, "refresh")
    except Forged:
        raise _spent() from None
    account = await users.account_of(console.store, claims.tenant, claims.account)
    if account is None or account.session_version != claims.session_version:
        raise _spent()
    return account


def _spent() -> Refused:
    return Refused(401, "The session has ended: sign in with your password.", error="invalid_grant")


def _pair(console: Console, account: Account) -> TokenPair:
    claims = Claims(account.id, account.tenant, account.role, account.session_version)
    return TokenPair(
        access_token=console.tokens.issue(claims, "access"),
        expires_in=LIFE_SECONDS["access"],
        refresh_token=console.tokens.issue(claims, "refresh"),
    )
