"""Which model words a tenant's answers: its own, the installation's, or none."""

import time
from uuid import UUID

from shared import telemetry
from shared.answering.model import ModelEndpoint
from shared.security.vault import Sealed, Vault
from shared.settings import Settings
from shared.store import models
from shared.store.tenancy import Store

KEEP_SECONDS = 30
LAST_SHARE = 1.2
"""Of a month's budget, where even the small model ends."""


class Endpoints:
    """Looks a tenant's endpoint up, twice a minute at most."""

    def __init__(self, settings: Settings, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._known: dict[UUID, tuple[float, ModelEndpoint | None]] = {}
        self._default = (
            ModelEndpoint(
                base_url=settings.openai_base_url,
                api_key=settings.openai_api_key,
                model=settings.model,
                small_model=settings.model_small or None,
            )
            if settings.openai_api_key.get_secret_value()
            else None
        )

    async def of(self, tenant: UUID) -> ModelEndpoint | None:
        """None: no model speaks for this tenant, or its budget is spent. Raises DatabaseAway."""
        until, endpoint = self._known.get(tenant, (0.0, None))
        if until < time.monotonic():
            try:
                async with self._store.tenant(tenant) as db:
                    own = await models.get(db, tenant, self._vault)
            except Sealed as problem:  # the customer is answered all the same
                telemetry.logger("orchestrate").error("a model's key does not open", extra={"reason": str(problem)})
                own = None
            endpoint = self._default
            if own is not None:
                endpoint = _within_budget(own)
            self._known[tenant] = (time.monotonic() + KEEP_SECONDS, endpoint)
        return endpoint


def _within_budget(own: models.TenantModel) -> ModelEndpoint | None:
    """A spent budget degrades softly: the big model until it is used up, the small one a fifth longer, then none."""
    endpoint = ModelEndpoint(own.base_url, own.api_key, own.model, own.small_model)
    if own.used_share < 1:
        return endpoint
    return endpoint.only_small() if own.used_share < LAST_SHARE else None
