"""Who the fakes know: one record per bot, number, Instagram account or model key. Secrets never print."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class _Account(BaseModel, ABC):
    kind: str
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = ""
    """Shown on the simulated phone."""

    @property
    @abstractmethod
    def native_id(self) -> str:
        """The provider's own public id of the account."""

    @property
    def key(self) -> str:
        """Public, and unique over all kinds: what `/sim/…` paths and scripts call the account."""
        return f"{self.kind}-{self.native_id}"


class BotAccount(_Account):
    """A Telegram or Bale bot."""

    kind: Literal["telegram", "bale"]
    bot_token: Annotated[SecretStr, Field(min_length=3)]
    webhook_url: str = ""
    """Empty until setWebhook; updates wait for it, as they do at Telegram."""
    secret_token: SecretStr = SecretStr("")

    @property
    def native_id(self) -> str:
        return self.bot_token.get_secret_value().partition(":")[0]


class _MetaAccount(_Account):
    access_token: Annotated[SecretStr, Field(min_length=1)]
    app_secret: Annotated[SecretStr, Field(min_length=1)]
    verify_token: SecretStr = SecretStr("")
    webhook_url: str = ""


class WhatsAppAccount(_MetaAccount):
    """A phone number on the WhatsApp Business Platform."""

    kind: Literal["whatsapp"] = "whatsapp"
    phone_number_id: str
    waba_id: str
    display_phone_number: str = "4915550783881"

    @property
    def native_id(self) -> str:
        return self.phone_number_id


class InstagramAccount(_MetaAccount):
    """An Instagram professional account (Instagram API with Instagram Login)."""

    kind: Literal["instagram"] = "instagram"
    account_id: str

    @property
    def native_id(self) -> str:
        return self.account_id


class ModelAccount(_Account):
    """A key of the model server. Without one, any Bearer key is taken."""

    kind: Literal["model"] = "model"
    api_key: SecretStr

    @property
    def native_id(self) -> str:
        return self.name or "default"


MetaAccount = WhatsAppAccount | InstagramAccount
Account = Annotated[BotAccount | WhatsAppAccount | InstagramAccount | ModelAccount, Field(discriminator="kind")]


class Accounts(BaseModel):
    """The file behind `--accounts`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    accounts: list[Account] = []
    any_chat: bool = False
    """Takes messages to customers that never wrote here, too: a webhook may have been posted by hand."""
    any_webhook_url: bool = False
    """Like the Bot API server's `--local`: setWebhook takes plain HTTP, any host and any port."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises OSError or pydantic's ValidationError."""
        return cls.model_validate(json.loads(path.read_bytes()))
