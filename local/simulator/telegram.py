"""The Bot API at Telegram and at Bale: what a support bot calls, answered and refused as the server does.

Sources: https://core.telegram.org/bots/api and the open server, https://github.com/tdlib/telegram-bot-api.
Not here: getUpdates, media, groups' administration. Such a call is a 404 and leaves a warning.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from local.simulator.accounts import BotAccount
from local.simulator.bot_answers import NOT_MODIFIED, TOO_OLD, BotDialect, done, failed
from local.simulator.bot_requests import (
    Args,
    BotRefusal,
    Entities,
    arguments,
    as_json,
    check_secret_token,
    check_webhook_url,
    read_markup,
    read_text,
    truth,
    whole,
)
from local.simulator.bots import Bot, Flavour, chat_object, user_object
from local.simulator.ledger import Chat, Entry, Ledger
from local.simulator.scripts import Scripts, act
from local.simulator.webhooks import Delivery, Post, Webhooks

Method = Callable[[Bot, Args], Response]

TYPING_SECONDS = 5.0
DRAFT_SECONDS = 30.0
ACTIONS = frozenset(
    [
        "typing",
        "record_video",
        "upload_video",
        "record_audio",
        "record_voice",
        "upload_audio",
        "upload_voice",
        "upload_photo",
        "upload_document",
        "choose_sticker",
        "pick_up_location",
        "find_location",
        "record_video_note",
        "upload_video_note",
        "cancel",
    ]
)


class BotApi:
    """All bots of one flavour."""

    def __init__(
        self,
        flavour: Flavour,
        ledger: Ledger,
        scripts: Scripts,
        webhooks: Webhooks,
        now: Callable[[], float],
        *,
        any_webhook_url: bool = False,
    ) -> None:
        self.flavour = flavour
        self.bots: dict[str, Bot] = {}  # by token
        self._ledger = ledger
        self._scripts = scripts
        self._webhooks = webhooks
        self._now = now
        self._any_webhook_url = any_webhook_url
        self._dialect = BotDialect(flavour)
        methods: dict[str, Method] = {
            "sendMessage": self._send_message,
            "sendChatAction": self._send_chat_action,
            "sendMessageDraft": self._send_message_draft,
            "editMessageText": self._edit_message_text,
            "answerCallbackQuery": self._answer_callback_query,
            "getMe": lambda bot, _: done({**bot.user, **flavour.abilities}),
            "getFile": self._get_file,
            "setWebhook": self._set_webhook,
            "getWebhookInfo": self._get_webhook_info,
            "deleteWebhook": self._delete_webhook,
        }
        self._methods = {
            name.lower(): (name, flavour.parameters[name], method)
            for name, method in methods.items()
            if name in flavour.parameters
        }

    def add(self, account: BotAccount) -> Bot:
        bot = self.bots[account.bot_token.get_secret_value()] = Bot(account)
        return bot

    def rotate(self, bot: Bot, token: SecretStr) -> None:
        """BotFather gave *token*: the former one is void."""
        del self.bots[bot.account.bot_token.get_secret_value()]
        bot.account = bot.account.model_copy(update={"bot_token": token})
        self.bots[token.get_secret_value()] = bot

    async def call(self, request: Request) -> Response:
        """`/bot<token>/<method>`."""
        token, name = request.path_params["token"], request.path_params["method"]
        try:
            bot = self._bot(token)
            if (known := self._methods.get(name.lower())) is None:
                self._ledger.warn(f"{self.flavour.kind}: {name[:64]} is not simulated or does not exist")
                raise BotRefusal(404, "Not Found: method not found")
            spelled, parameters, method = known
            args = await arguments(request)
            if not parameters.issuperset(args):
                unknown = ", ".join(sorted(args.keys() - parameters))
                self._ledger.warn(f"{self.flavour.kind} {spelled}: unknown parameters {unknown}")
            if spelled not in {"sendMessage", "editMessageText"}:
                return method(bot, args)
            step = self._scripts.take_for(request, bot.key, str(args.get("chat_id", "")))
            if step is None:
                return method(bot, args)
            return await act(step, lambda: method(bot, args), self._dialect)
        except BotRefusal as refusal:
            return failed(refusal.code, refusal.description)

    async def file(self, request: Request) -> Response:
        """`/file/bot<token>/<path>`."""
        try:
            bot = self._bot(request.path_params["token"])
        except BotRefusal as refusal:
            return failed(refusal.code, refusal.description)
        content = bot.files.get(request.path_params["path"].rpartition("/")[2])
        return failed(404, "Not Found") if content is None else Response(content, media_type="application/octet-stream")

    def deliver(
        self, bot: Bot, chat: Chat, update: dict[str, Any], *, in_line: bool = True
    ) -> asyncio.Task[Delivery] | None:
        """Sends *update* to the bot's webhook, in the chat's order or past it. None: it waits for a webhook."""
        kind = next((key for key in update if key != "update_id"), "")
        if bot.allowed_updates and kind not in bot.allowed_updates:
            return None
        if not bot.webhook_url:
            bot.held.append((chat.id, update))
            return None
        headers = {"content-type": "application/json"}
        if bot.secret_token:
            headers[self.flavour.secret_header] = bot.secret_token
        post = Post(json.dumps(update, ensure_ascii=False, separators=(",", ":")).encode(), headers)
        bot.pending += 1

        def tried(delivery: Delivery) -> None:
            if not delivery.delivered:
                bot.last_error = (int(self._now()), delivery.error)

        task = self._webhooks.send(
            bot.key, bot.webhook_url, post, lane=chat.lane if in_line else None, obey_retry_after=True, tried=tried
        )
        task.add_done_callback(lambda _: setattr(bot, "pending", bot.pending - 1))
        return task

    def _bot(self, token: str) -> Bot:
        bot = self.bots.get(token)
        if bot is not None and not bot.revoked:
            return bot
        if ":" not in token or not token.partition(":")[0].isdigit():
            raise BotRefusal(401, "Unauthorized: invalid token specified")
        raise BotRefusal(401, "Unauthorized")

    def _chat(self, bot: Bot, args: Args) -> Chat:
        """The chat that the call names: one that has written to this bot and has not blocked it."""
        chat_id = str(args.get("chat_id", "") or "")
        if not chat_id:
            raise BotRefusal(400, "Bad Request: chat_id is empty")
        chat = self._ledger.chat(bot.key, chat_id)
        if chat is None or chat.last_customer_at is None:
            raise BotRefusal(*self.flavour.unknown_chat)
        if chat.blocked:
            raise BotRefusal(403, "Forbidden: bot was blocked by the user")
        return chat

    def _text(self, args: Args, *, optional: bool = False) -> tuple[str, Entities]:
        return read_text(args, reads_parse_mode=self.flavour.reads_parse_mode, optional=optional)

    def _thread(self, chat: Chat, args: Args) -> str | None:
        thread = args.get("message_thread_id")
        if not thread:
            return None
        if str(thread) not in chat.threads:
            raise BotRefusal(400, "Bad Request: message thread not found")
        return str(thread)

    def _replied(self, chat: Chat, args: Args) -> Entry | None:
        reply = as_json(args.get("reply_parameters") or {}, "reply parameters")
        target = reply.get("message_id") if isinstance(reply, dict) else None
        target = target or args.get("reply_to_message_id")
        if not target:
            return None
        if found := next((entry for entry in chat.entries if entry.id == str(target)), None):
            return found
        if isinstance(reply, dict) and truth(reply.get("allow_sending_without_reply")):
            return None
        raise BotRefusal(400, "Bad Request: message to be replied not found")

    def _message(self, bot: Bot, chat: Chat, entry: Entry, entities: Entities) -> dict[str, Any]:
        message: dict[str, Any] = {
            "message_id": int(entry.id),
            "chat": chat_object(chat.id, chat.name),
            "date": int(entry.at),
            "text": entry.text,
        }
        if entry.role == "business":
            message["from"] = bot.user
        elif not chat.id.startswith("-"):  # who wrote in a group is not kept
            message["from"] = user_object(chat.id, chat.name)
        if entities:
            message["entities"] = entities
        if entry.thread:
            message |= {"message_thread_id": int(entry.thread), "is_topic_message": True}
        if isinstance(entry.markup, dict) and "inline_keyboard" in entry.markup:
            message["reply_markup"] = entry.markup
        return message

    def _send_message(self, bot: Bot, args: Args) -> Response:
        text, entities = self._text(args)
        markup = read_markup(args)
        chat = self._chat(bot, args)
        thread = self._thread(chat, args)
        replied = self._replied(chat, args)
        entry = Entry(
            str(bot.next_message_id()), "business", text, self._now(), status="sent", thread=thread, markup=markup
        )
        self._ledger.accept(self.flavour.kind, chat, entry, method="sendMessage")
        message = self._message(bot, chat, entry, entities)
        if replied:
            message["reply_to_message"] = self._message(bot, chat, replied, [])
        return done(message)

    def _send_chat_action(self, bot: Bot, args: Args) -> Response:
        action = args.get("action")
        if action not in ACTIONS:
            raise BotRefusal(400, "Bad Request: wrong parameter action in request")
        chat = self._chat(bot, args)
        self._thread(chat, args)
        chat.type_until(0.0 if action == "cancel" else self._now() + TYPING_SECONDS)
        return done(True)

    def _send_message_draft(self, bot: Bot, args: Args) -> Response:
        text, _ = self._text(args, optional=True)
        chat = self._chat(bot, args)
        self._thread(chat, args)
        if chat.id.startswith("-"):
            raise BotRefusal(400, "Bad Request: TEXTDRAFT_PEER_INVALID")
        if not whole(args.get("draft_id"), 0):
            raise BotRefusal(400, "Bad Request: RANDOM_ID_INVALID")  # that it is refused is documented, the word is not
        chat.show_draft(text, self._now() + DRAFT_SECONDS)
        return done(True)

    def _edit_message_text(self, bot: Bot, args: Args) -> Response:
        text, entities = self._text(args)
        markup = read_markup(args)
        chat = self._chat(bot, args)
        entry = chat.find(str(args.get("message_id", "")), "business")
        if entry is None:
            raise BotRefusal(400, "Bad Request: message to edit not found")
        if (entry.text, entry.markup) == (text, markup):
            raise BotRefusal(400, NOT_MODIFIED)
        entry.text, entry.markup, entry.edited = text, markup, True
        chat.tell("edit", entry)
        self._ledger.log(self.flavour.kind, chat, entry, method="editMessageText")
        return done({**self._message(bot, chat, entry, entities), "edit_date": int(self._now())})

    def _answer_callback_query(self, bot: Bot, args: Args) -> Response:
        if str(args.get("callback_query_id", "")) not in bot.callbacks:
            raise BotRefusal(400, TOO_OLD)
        if len(str(args.get("text") or "")) > 200:
            raise BotRefusal(400, "Bad Request: MESSAGE_TOO_LONG")
        return done(True)

    def _get_file(self, bot: Bot, args: Args) -> Response:
        file_id = str(args.get("file_id") or "")
        if not file_id:
            raise BotRefusal(400, "Bad Request: file_id not specified")
        content = bot.files.get(file_id)
        if content is None:
            raise BotRefusal(400, "Bad Request: invalid file_id")
        return done(
            {
                "file_id": file_id,
                "file_unique_id": f"u{file_id}",
                "file_size": len(content),
                "file_path": f"documents/{file_id}",
            }
        )

    def _set_webhook(self, bot: Bot, args: Args) -> Response:
        url = str(args.get("url") or "")
        if not url:
            return self._delete_webhook(bot, args)
        secret = str(args.get("secret_token") or "")
        check_webhook_url(url, any_url=self._any_webhook_url)
        check_secret_token(secret)
        same = (bot.webhook_url, bot.secret_token) == (url, secret)
        bot.webhook_url, bot.secret_token = url, secret
        bot.has_certificate = bool(args.get("certificate"))
        if "max_connections" in args:
            bot.max_connections = min(100, max(1, whole(args["max_connections"], 40)))
        if "allowed_updates" in args:  # left out: as before
            allowed = as_json(args["allowed_updates"], "allowed_updates")
            bot.allowed_updates = [str(kind) for kind in allowed] or None
        if truth(args.get("drop_pending_updates")):
            bot.held.clear()
        for chat_id, update in list(bot.held):
            self.deliver(bot, self._ledger.open_chat(bot.key, chat_id), update)
        bot.held.clear()
        return done(True, "Webhook is already set" if same else "Webhook was set")

    def _get_webhook_info(self, bot: Bot, _: Args) -> Response:
        info: dict[str, Any] = {
            "url": bot.webhook_url,
            "has_custom_certificate": bot.has_certificate,
            "pending_update_count": bot.pending + len(bot.held),
            "max_connections": bot.max_connections,
        }
        if bot.last_error:
            info["last_error_date"], info["last_error_message"] = bot.last_error
        if bot.allowed_updates:
            info["allowed_updates"] = bot.allowed_updates
        return done(info)

    def _delete_webhook(self, bot: Bot, args: Args) -> Response:
        description = "Webhook was deleted" if bot.webhook_url else "Webhook is already deleted"
        bot.webhook_url, bot.secret_token, bot.has_certificate = "", "", False
        if truth(args.get("drop_pending_updates")):
            bot.held.clear()
        return done(True, description)
