"""Who is asking, and whether they may: the token, the row behind it, and the table of roles."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request
from fastapi.security import OAuth2PasswordBearer

from functions.console_api.console import Console
from functions.console_api.pages import id_of
from functions.console_api.roles import LEAST, PREFIX, TENANT_HEADER, Least, Role, may
from shared import telemetry
from shared.errors import Forged, NotFound
from shared.problems import Refused
from shared.security.tokens import Claims
from shared.store import audit, tenants, users
from shared.store.tenancy import Db

REMEMBERED_VISITS = 1000

token_scheme = OAuth2PasswordBearer(
    tokenUrl=f"{PREFIX}/auth/token", refreshUrl=f"{PREFIX}/auth/token", auto_error=False, scheme_name="token"
)


@dataclass(frozen=True)
class Caller:
    """Whoever is signed in. *tenant* is None for an administrator who named none."""

    account: UUID
    email: str
    name: str
    role: Role
    tenant: UUID | None
    claims: Claims


@dataclass(frozen=True)
class Member:
    """Whoever acts inside a tenant. *user* is None for an administrator, who is none of its people."""

    tenant: UUID
    user: UUID | None
    email: str
    claims: Claims

    def speaking(self) -> UUID:
        """The user in whose name something is said to a customer. Raises Refused for an administrator."""
        if self.user is None:
            raise Refused(403, "An administrator can't speak for a tenant. Sign in as one of its people.")
        return self.user

    async def note(self, db: Db, action: str, subject: UUID, **detail: Any) -> None:
        """Into the audit trail, in the change's own transaction. *action* such as "brand.created"; no secrets."""
        kind = action.partition(".")[0]
        await audit.note(db, self.tenant, actor=self.email, action=action, subject=f"{kind} {subject}", detail=detail)


def console_of(request: Request) -> Console:
    """What the function keeps open."""
    console: Console = request.app.state.console
    return console


async def signed_in(console: Console, token: str | None) -> tuple[Claims, users.Account]:
    """Whose access token it is, as the row says now. Raises Refused: no token, a spent one, or a session that ended."""
    try:
        claims = console.tokens.read(token or "", "access")
    except Forged:
        raise _sign_in() from None
    account = await users.account_of(console.store, claims.tenant, claims.account)
    if account is None or account.session_version != claims.session_version:
        raise _sign_in()
    return claims, account


async def admit(
    request: Request,
    console: Annotated[Console, Depends(console_of)],
    token: Annotated[str | None, Depends(token_scheme)],
    tenant: Annotated[
        str | None, Header(alias=TENANT_HEADER, description="The tenant that an administrator acts in.")
    ] = None,
) -> Caller:
    """Raises Refused (401, 403), and NotFound for a tenant that isn't there."""
    claims, account = await signed_in(console, token)
    role = Role[account.role.upper()]
    inside = account.tenant
    if role is Role.ADMIN and tenant is not None:
        inside = await _visit(console, account, id_of(tenant), claims)
    elif tenant is not None and tenant.lower() != str(inside):
        raise Refused(403, f"Only an administrator chooses a tenant: leave {TENANT_HEADER} out.")
    telemetry.logger("context").thread_safe_append_keys(tenant=str(inside), account=str(account.id))
    least = LEAST[request.method, request.scope["route"].path]
    if not may(role, in_tenant=inside is not None, least=least):
        raise Refused(403, _why(role, inside, least))
    return Caller(account.id, account.email, account.name, role, inside, claims)


async def _visit(console: Console, account: users.Account, tenant: UUID, claims: Claims) -> UUID:
    """An administrator enters a tenant: written into its audit trail once a session. Raises NotFound."""
    visit = (account.id, tenant, claims.issued_at)
    async with console.store.tenant(tenant) as db:
        await tenants.get(db, tenant)
        if visit not in console.entered:
            await audit.note(db, tenant, actor=account.email, action="tenant.entered", subject=f"tenant {tenant}")
    while len(console.entered) >= REMEMBERED_VISITS:
        console.entered.pop(next(iter(console.entered)))
    console.entered[visit] = None
    return tenant


def _why(role: Role, inside: UUID | None, least: Least) -> str:
    if role is Role.ADMIN and inside is None and least is not Least.PLATFORM:
        return f"Say which tenant you act in: send its id in {TENANT_HEADER}."
    wanted = {Least.PLATFORM: "the platform's administrator", Least.OWNER_OR_PLATFORM: "an owner"}
    return f"This needs {wanted.get(least) or 'the role ' + least.name.lower()}; yours is {role.name.lower()}."


def _sign_in() -> Refused:
    return Refused(
        401,
        "Sign in again: the token is missing, has expired, or its session was ended.",
        headers={"WWW-Authenticate": "Bearer"},
    )


async def member_of(caller: Annotated[Caller, Depends(admit)]) -> Member:
    """Inside a tenant; the table lets nobody through to such a route without one."""
    if caller.tenant is None:
        raise NotFound("no tenant")
    user = None if caller.role is Role.ADMIN else caller.account
    return Member(caller.tenant, user, caller.email, caller.claims)


TheConsole = Annotated[Console, Depends(console_of)]
SignedIn = Annotated[Caller, Depends(admit)]
InTenant = Annotated[Member, Depends(member_of)]
