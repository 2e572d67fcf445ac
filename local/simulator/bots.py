"""A bot as its server keeps it, and what Telegram and Bale each know of the Bot API."""

import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

from local.simulator.accounts import BotAccount


@dataclass(frozen=True, slots=True)
class Flavour:
    """What one Bot API knows: its methods and their parameters, by the provider's own documentation, and its words."""

    kind: str
    parameters: dict[str, frozenset[str]]
    reads_parse_mode: bool
    secret_header: str
    unknown_chat: tuple[int, str]
    too_many: str
    abilities: dict[str, bool]  # what getMe alone tells of the bot


def _parameters(methods: dict[str, str]) -> dict[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in methods.items()}


# https://core.telegram.org/bots/api, 10.1
TELEGRAM = Flavour(
    kind="telegram",
    reads_parse_mode=True,
    secret_header="x-telegram-bot-api-secret-token",  # noqa: S106
    unknown_chat=(400, "Bad Request: chat not found"),
    too_many="Too Many Requests",
    abilities={
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    },
    parameters=_parameters(
        {
            "sendMessage": "business_connection_id chat_id message_thread_id direct_messages_topic_id text parse_mode"
            " entities link_preview_options disable_notification protect_content allow_paid_broadcast message_effect_id"
            " suggested_post_parameters reply_parameters reply_markup",
            "sendChatAction": "business_connection_id chat_id message_thread_id action",
            "sendMessageDraft": "chat_id message_thread_id draft_id text parse_mode entities",
            "editMessageText": "business_connection_id chat_id message_id inline_message_id text parse_mode entities"
            " link_preview_options rich_message reply_markup",
            "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
            "getMe": "",
            "getFile": "file_id",
            "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates"
            " secret_token",
            "getWebhookInfo": "",
            "deleteWebhook": "drop_pending_updates",
        }
    ),
)

# https://docs.bale.ai names fewer parameters and no parse_mode. Its manual has no secret_token; clients in the wild
# give one and wait for it in this header, or in Telegram's. Neither is verified, nor are the statuses of its errors.
BALE = Flavour(
    kind="bale",
    reads_parse_mode=False,
    secret_header="x-bale-bot-api-secret-token",  # noqa: S106
    unknown_chat=(404, "no such group or user"),
    too_many="bot limit exceed",
    abilities={},
    parameters=_parameters(
        {
            "sendMessage": "chat_id text reply_to_message_id reply_markup",
            "sendChatAction": "chat_id action",
            "editMessageText": "chat_id message_id text reply_markup",
            "answerCallbackQuery": "callback_query_id text show_alert",
            "getMe": "",
            "getFile": "file_id",
            "setWebhook": "url secret_token",
            "getWebhookInfo": "",
            "deleteWebhook": "",
        }
    ),
)


class Bot:
    """One bot's life on the server. Ids start at random, so that a new run never repeats the last one's."""

    def __init__(self, account: BotAccount) -> None:
        self.account = account
        self.key = account.key
        self.revoked = False
        self.webhook_url = account.webhook_url
        self.secret_token = account.secret_token.get_secret_value()
        self.allowed_updates: list[str] | None = None
        self.has_certificate = False
        self.max_connections = 40
        self.pending = 0
        self.held: deque[tuple[str, dict[str, Any]]] = deque(maxlen=100)  # (chat, update), until there is a webhook
        self.last_error: tuple[int, str] | None = None
        self.callbacks: deque[str] = deque(maxlen=1_000)
        self.files: dict[str, bytes] = {}
        self._update_id = secrets.randbelow(1 << 29) + (1 << 27)
        self._message_id = secrets.randbelow(1 << 29)

    def next_update_id(self) -> int:
        self._update_id += 1
        return self._update_id

    def next_message_id(self) -> int:
        """Unique in a chat, and here in the whole bot, as for private chats at Telegram."""
        self._message_id += 1
        return self._message_id

    @property
    def user(self) -> dict[str, Any]:
        name = self.account.name or "پشتیبان"
        return {"id": int(self.account.native_id), "is_bot": True, "first_name": name, "username": "xin_demo_bot"}


def chat_object(chat_id: str, name: str) -> dict[str, Any]:
    """A private chat, or a supergroup where the id is negative."""
    if chat_id.startswith("-"):
        return {"id": int(chat_id), "title": name or "گروه", "type": "supergroup"}
    return {"id": int(chat_id), "first_name": name or "مشتری", "type": "private"}


def user_object(sender: str, name: str) -> dict[str, Any]:
    """A customer."""
    return {"id": int(sender), "is_bot": False, "first_name": name or "مشتری", "language_code": "fa"}
