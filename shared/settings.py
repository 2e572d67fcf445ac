"""All that the functions take from their environment. Nothing else in shared/ or functions/ reads it.

Names are the ecosystem's where it has one (`DATABASE_URL`, `K_SINK`, `OPENAI_API_KEY`); ours begin with `XIN_`.
Precedence: process environment, the file that `XIN_ENV_FILE` names, the defaults here. `config/` explains each.
"""

import base64
import binascii
import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, HttpUrl, SecretStr, TypeAdapter, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import XinError

_url = TypeAdapter(HttpUrl)


class MissingSetting(XinError):
    """A function was started without something it can't do without. Says the variable's name."""


def _without_slash(value: str) -> str:
    _url.validate_python(value)
    return value.rstrip("/")


class Settings(BaseSettings):
    """Read once when a function starts, then handed on as values."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", use_attribute_docstrings=True, populate_by_name=True, env_ignore_empty=True
    )

    # Where things are
    database_url: SecretStr = SecretStr("")
    """PostgreSQL 16 or newer, as a role that may SET ROLE to the functions' roles and owns no table."""
    redis_url: SecretStr = SecretStr("")
    """Valkey or Redis 7 for live streams and limits. Losing it loses no message."""
    sink: str = Field("", validation_alias="K_SINK")
    """The broker's ingress. On Knative a SinkBinding sets it."""
    qdrant_url: str = ""
    """A Qdrant server. Without it vectors live in process, under `XIN_VECTORS_PATH`."""
    qdrant_api_key: SecretStr = SecretStr("")
    vectors_path: Path = Field(Path(".xin/vectors"), validation_alias="XIN_VECTORS_PATH")
    objects_url: str = Field("", validation_alias="AWS_ENDPOINT_URL_S3")
    """An S3 endpoint; empty means AWS itself."""
    objects_bucket: str = Field("xin", validation_alias="XIN_BUCKET")
    aws_access_key_id: SecretStr = SecretStr("")
    aws_secret_access_key: SecretStr = SecretStr("")
    aws_region: str = Field("us-east-1", validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"))

    # How the world reaches us
    port: int = 8080
    public_url: str = Field("http://127.0.0.1:8080", validation_alias="XIN_PUBLIC_URL")
    """What webhook URLs are built on."""
    trusted_proxies: str = Field("", validation_alias="XIN_TRUSTED_PROXIES")
    """Addresses or networks, comma separated, whose X-Forwarded-For is believed. Empty: nobody's."""

    # Secrets
    secret_keys: SecretStr = Field(SecretStr(""), validation_alias="XIN_SECRET_KEYS")
    """`id:base64` of 32 bytes, comma separated. The first encrypts, all of them open: prepend a new one to rotate."""
    token_keys: SecretStr = Field(SecretStr(""), validation_alias="XIN_TOKEN_KEYS")
    """Like `XIN_SECRET_KEYS`, for signing access tokens."""

    # Providers
    telegram_api_url: str = "https://api.telegram.org"
    """Stands before `/bot<token>/…`."""
    bale_api_url: str = "https://tapi.bale.ai"
    graph_api_url: str = "https://graph.facebook.com"
    """Stands before `/v26.0/…`."""
    instagram_api_url: str = "https://graph.instagram.com"
    simulator_url: str = Field("", validation_alias="XIN_SIMULATOR_URL")
    """Stands in for the provider of a channel that is marked as simulated, unless that provider's URL is set."""

    # The model that words answers; without a key the extractive answerer quotes
    openai_api_key: SecretStr = SecretStr("")
    openai_base_url: str = "https://api.openai.com/v1"
    model: str = Field("gpt-4.1", validation_alias="XIN_MODEL")
    model_small: str = Field("gpt-4.1-mini", validation_alias="XIN_MODEL_SMALL")
    """The next rung when the first model fails; the rung below it is extractive."""
    turns_in_flight: Annotated[int, Field(gt=0)] = Field(16, validation_alias="XIN_TURNS_IN_FLIGHT")
    """Turns of one tenant at once in one instance: a tenant's hanging model doesn't fill the house."""

    # Embeddings
    embeddings: Literal["off", "endpoint", "fastembed"] = Field("off", validation_alias="XIN_EMBEDDINGS")
    embeddings_url: str = Field("", validation_alias="XIN_EMBEDDINGS_URL")
    """An OpenAI-compatible base URL, up to and with `/v1`."""
    embeddings_model: str = Field("multilingual-e5-small", validation_alias="XIN_EMBEDDINGS_MODEL")
    embeddings_api_key: SecretStr = Field(SecretStr(""), validation_alias="XIN_EMBEDDINGS_API_KEY")
    fastembed_path: Path | None = Field(None, validation_alias="XIN_FASTEMBED_PATH")
    """A folder with the ONNX model and its tokenizer: nothing is fetched from a hub."""

    # What we tell about ourselves
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="XIN_LOG_LEVEL")
    otlp_endpoint: str = Field("", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    _urls = field_validator(
        "public_url", "telegram_api_url", "bale_api_url", "graph_api_url", "instagram_api_url", "openai_base_url"
    )(_without_slash)

    @classmethod
    def load(cls) -> "Settings":
        """Raises pydantic's ValidationError, which names every wrong variable at once."""
        return cls(_env_file=os.environ.get("XIN_ENV_FILE"))

    @cached_property
    def encryption_keys(self) -> dict[str, bytes]:
        """Key id to 32 bytes, the encrypting one first. Raises MissingSetting: no key, no service."""
        return _keys("XIN_SECRET_KEYS", self.secret_keys)

    @cached_property
    def signing_keys(self) -> dict[str, bytes]:
        """Key id to 32 bytes, the signing one first. Raises MissingSetting."""
        return _keys("XIN_TOKEN_KEYS", self.token_keys)

    def require(self, *fields: str) -> None:
        """Raises MissingSetting for the first of *fields* that is empty."""
        for name in fields:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                alias = type(self).model_fields[name].validation_alias
                raise MissingSetting(f"{alias or name.upper()} is not set: see config/ for what it is")


def _keys(variable: str, value: SecretStr) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for entry in filter(None, value.get_secret_value().split(",")):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            keys[key_id] = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise MissingSetting(f"{variable}: the key {key_id!r} is not base64") from None
        if len(keys[key_id]) != 32:
            raise MissingSetting(f"{variable}: the key {key_id!r} must be 32 bytes long")
    if not keys:
        raise MissingSetting(f"{variable} is not set: see config/ for how to make a key")
    return keys
