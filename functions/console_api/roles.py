"""Who may do what: every route with the least role it asks for. A route that isn't here answers nobody.

viewer     reads
operator   + conversations and knowledge
owner      + all else of the tenant
admin      the platform's administrator: tenants, and, naming one in `X-Xin-Tenant`, all that its owner may
"""

from enum import IntEnum
from types import MappingProxyType

PREFIX = "/api/v1"
TENANT_HEADER = "X-Xin-Tenant"


class Role(IntEnum):
    """Each may do what those before may."""

    VIEWER = 1
    OPERATOR = 2
    OWNER = 3
    ADMIN = 4


class Least(IntEnum):
    """What a route asks for."""

    ANYONE = 0
    """Without signing in."""
    SIGNED_IN = 1
    """Any account; an administrator needs no tenant."""
    VIEWER = 2
    OPERATOR = 3
    OWNER = 4
    OWNER_OR_PLATFORM = 5
    """An owner for what is the tenant's; an administrator without a tenant for what is nobody's."""
    PLATFORM = 6
    """An administrator, for the platform as a whole."""


_TABLE = {
    "POST   /auth/token": Least.ANYONE,
    "POST   /auth/sign-out": Least.SIGNED_IN,
    "GET    /me": Least.SIGNED_IN,
    "PATCH  /me": Least.SIGNED_IN,
    # The platform
    "GET    /tenants": Least.PLATFORM,
    "POST   /tenants": Least.PLATFORM,
    "GET    /tenants/{id}": Least.PLATFORM,
    "PATCH  /tenants/{id}": Least.PLATFORM,
    # A tenant's people and set-up
    "GET    /users": Least.OWNER,
    "POST   /users": Least.OWNER,
    "GET    /users/{id}": Least.OWNER,
    "PATCH  /users/{id}": Least.OWNER,
    "DELETE /users/{id}": Least.OWNER,
    "GET    /audit": Least.OWNER,
    "GET    /audit/{id}": Least.OWNER,
    "GET    /brands": Least.VIEWER,
    "POST   /brands": Least.OWNER,
    "GET    /brands/{id}": Least.VIEWER,
    "PATCH  /brands/{id}": Least.OWNER,
    "DELETE /brands/{id}": Least.OWNER,
    "GET    /channels": Least.VIEWER,
    "POST   /channels": Least.OWNER,
    "GET    /channels/{id}": Least.VIEWER,
    "PATCH  /channels/{id}": Least.OWNER,
    "DELETE /channels/{id}": Least.OWNER,
    "GET    /personas": Least.VIEWER,
    "POST   /personas": Least.OWNER,
    "GET    /personas/{id}": Least.VIEWER,
    "PATCH  /personas/{id}": Least.OWNER,
    "DELETE /personas/{id}": Least.OWNER,
    "POST   /personas/{id}/publish": Least.OWNER,
    "GET    /policies": Least.VIEWER,
    "POST   /policies": Least.OWNER,
    "GET    /policies/{id}": Least.VIEWER,
    "PATCH  /policies/{id}": Least.OWNER,
    "DELETE /policies/{id}": Least.OWNER,
    "POST   /policies/{id}/publish": Least.OWNER,
    "GET    /automations": Least.VIEWER,
    "POST   /automations": Least.OWNER,
    "GET    /automations/{id}": Least.VIEWER,
    "PATCH  /automations/{id}": Least.OWNER,
    "DELETE /automations/{id}": Least.OWNER,
    "GET    /automations/{id}/runs": Least.VIEWER,
    # Knowledge
    "GET    /knowledge": Least.VIEWER,
    "POST   /knowledge": Least.OPERATOR,
    "POST   /knowledge/search": Least.VIEWER,
    "GET    /knowledge/{id}": Least.VIEWER,
    "PUT    /knowledge/{id}": Least.OPERATOR,
    "PATCH  /knowledge/{id}": Least.OPERATOR,
    "DELETE /knowledge/{id}": Least.OPERATOR,
    # Conversations
    "GET    /conversations": Least.VIEWER,
    "GET    /conversations/{id}": Least.VIEWER,
    "GET    /conversations/{id}/messages": Least.VIEWER,
    "POST   /conversations/{id}/messages": Least.OPERATOR,
    "POST   /conversations/{id}/takeover": Least.OPERATOR,
    "POST   /conversations/{id}/release": Least.OPERATOR,
    "POST   /conversations/{id}/resolve": Least.OPERATOR,
    "GET    /turns/{id}": Least.VIEWER,
    "GET    /alarms": Least.VIEWER,
    "GET    /events": Least.VIEWER,
    "GET    /usage": Least.VIEWER,
    # What went wrong
    "GET    /dead-letters": Least.OWNER_OR_PLATFORM,
    "GET    /dead-letters/{id}": Least.OWNER_OR_PLATFORM,
    "DELETE /dead-letters/{id}": Least.OWNER_OR_PLATFORM,
    "POST   /dead-letters/{id}/redeliver": Least.OWNER_OR_PLATFORM,
}

LEAST = MappingProxyType(
    {
        (method, PREFIX + path): least
        for (method, path), least in ((key.split(), least) for key, least in _TABLE.items())
    }
)
"""(method, path template) to what it asks for."""


def may(role: Role, *, in_tenant: bool, least: Least) -> bool:
    """Whether an account of that role, inside a tenant or not, may use a route."""
    match least:
        case Least.ANYONE | Least.SIGNED_IN:
            return True
        case Least.PLATFORM:
            return role is Role.ADMIN
        case Least.OWNER_OR_PLATFORM:
            return role >= Role.OWNER
        case Least.VIEWER | Least.OPERATOR | Least.OWNER:
            return in_tenant and role >= Role[least.name]
