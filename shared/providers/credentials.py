"""What a channel needs to speak for its tenant. Never printed, and never part of a validation error."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


class Credentials(BaseModel):
    """The base of every provider's credentials."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def _looks_like(pattern: str, what: str) -> Callable[[SecretStr], SecretStr]:
    def check(secret: SecretStr) -> SecretStr:
        if not re.fullmatch(pattern, secret.get_secret_value()):
            raise ValueError(f"this is no {what}")
        return secret

    return check


PathToken = Annotated[SecretStr, AfterValidator(_looks_like(r"[A-Za-z0-9_:-]+", "bot token"))]
"""Stands in the URL's path, so it may hold nothing that ends a path's segment."""

HeaderToken = Annotated[SecretStr, AfterValidator(_looks_like(r"[\x21-\x7e]+", "access token"))]
"""Stands in the Authorization header: visible ASCII."""

NodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""An id in a URL's path."""
