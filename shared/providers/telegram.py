"""Telegram, and Bale, whose Bot API is modelled on it.

https://core.telegram.org/bots/api · https://docs.bale.ai. Only private chats converse: what happens in groups, channels
and business connections is kept as an event.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import httpx

from shared.errors import Forged, Unreadable
from shared.providers import bodies, calling
from shared.providers.bodies import Json, identifier, inner, items, moment, required, words
from shared.providers.credentials import Credentials, PathToken
from shared.providers.incoming import Batch, Incoming, ProviderEvent, batch_of
from shared.providers.outgoing import Ambiguous, NotSent, Sent, Verdict
from shared.text.splitting import split as split_text

Item = Incoming | ProviderEvent

SECRET_HEADER = "x-telegram-bot-api-secret-token"
BALE_SECRET_HEADER = "x-bale-bot-api-secret-token"
TEXT_LIMIT = 4096  # after entities; counted in UTF-16 units to be safe


# Reading ----------------------------------------------------------------------------------------------------------


def verify(body: bytes, *, headers: Mapping[str, str], query: Mapping[str, str], secrets: Iterable[str]) -> None:
    """Telegram sends back, in a header, the secret given with setWebhook. Raises Forged.

    *headers*: names in lower case, or a mapping that doesn't care.
    """
    if not bodies.proves(headers.get(SECRET_HEADER), secrets):
        raise Forged("wrong or missing secret token")


def verify_bale(body: bytes, *, headers: Mapping[str, str], query: Mapping[str, str], secrets: Iterable[str]) -> None:
    """Bale's manual knows no secret header and advises a secret in the URL; clients in the wild see one of two headers.

    So either header or `?secret_token=` proves it. Raises Forged.
    """
    accepted = tuple(secrets)
    claims = (headers.get(SECRET_HEADER), headers.get(BALE_SECRET_HEADER), query.get("secret_token"))
    if not any(bodies.proves(claim, accepted) for claim in claims):
        raise Forged("wrong or missing secret token")


def parse(body: bytes) -> Batch:
    """One update, which holds one thing. Raises Unreadable where the body isn't an update at all."""
    update = bodies.read_object(body)
    number = update.get("update_id")
    if not isinstance(number, int) or isinstance(number, bool):
        raise Unreadable("no update_id")
    event_key = bodies.key(str(number))
    try:
        item = _read(event_key, update)
    except Unreadable as problem:
        item = bodies.unreadable(update, problem, event_key=event_key)
    return batch_of([item])


@dataclass(frozen=True, slots=True)
class _Said:
    """A part of an update that happened in a private chat, by a person."""

    key: str
    update: Json
    thing: Json
    author: Json
    chat: str
    at: datetime | None

    def incoming(self, kind: str, text: str) -> Incoming:
        name = " ".join(filter(None, (words(self.author, "first_name"), words(self.author, "last_name"))))
        return Incoming(
            sender=self.chat,
            key=self.key,
            kind=kind,
            text=text,
            name=name or None,
            language=words(self.author, "language_code") or None,
            sent_at=self.at,
            payload=self.update,
        )

    def event(self, kind: str, *, text: str | None = None, about: str | None = None) -> ProviderEvent:
        """*about*: a message_id, which is unique only inside its chat."""
        return ProviderEvent(
            key=self.key,
            kind=kind,
            provider_id=f"{self.chat}:{about}" if about else None,
            recipient=self.chat,
            text=text,
            at=self.at,
            payload=self.update,
        )


def _read(event_key: str, update: Json) -> Item:
    for name, reader in _READERS.items():
        if update.get(name) is not None:
            return _private(event_key, update, inner(update, name), reader)
    for kind, names in _ELSEWHERE.items():
        if any(update.get(name) is not None for name in names):
            return ProviderEvent(key=event_key, kind=kind, payload=update)
    return ProviderEvent(key=event_key, kind="unknown", payload=update)


def _private(event_key: str, update: Json, thing: Json, reader: Callable[[_Said], Item]) -> Item:
    """What a person did in a private chat is read; the rest is only named."""
    chat, author = _chat(thing), inner(thing, "from")
    said = _Said(
        key=event_key,
        update=update,
        thing=thing,
        author=author,
        chat=required(chat, "id"),
        at=moment(thing.get("edit_date")) or moment(thing.get("date")),
    )
    kind = chat.get("type")
    if kind != "private" and (kind is not None or said.chat.startswith("-")):  # groups have negative ids
        return ProviderEvent(key=event_key, kind="group", at=said.at, payload=update)
    return said.event("bot") if author.get("is_bot") is True else reader(said)


def _chat(thing: Json) -> Json:
    """A pressed button's chat is its message's, if that is still known; an inline message is in a chat we never see."""
    if "chat_instance" not in thing and "data" not in thing:
        return inner(thing, "chat")
    if thing.get("inline_message_id") is not None:
        return {"id": thing["inline_message_id"], "type": "inline"}
    return inner(inner(thing, "message"), "chat") or {"id": inner(thing, "from").get("id"), "type": "private"}


def _message(said: _Said) -> Item:
    if any(said.thing.get(name) not in (None, False) for name in _SERVICE):
        return said.event("service")
    return said.incoming(*_content(said.thing))


def _content(message: Json) -> tuple[str, str]:
    """Our name of what the message holds, and the words in it."""
    text = words(message, "text")
    if text:
        return ("command" if _COMMAND.match(text) else "text"), text
    for theirs, ours, worded in _CONTENT:
        if message.get(theirs) is not None:
            content = message[theirs]
            within = words(content, worded) if worded and isinstance(content, dict) else ""
            return ours, words(message, "caption") or within
    return "unsupported", words(message, "caption")


def _edit(said: _Said) -> Item:
    return said.event("edit", text=words(said.thing, "text", "caption"), about=required(said.thing, "message_id"))


def _button(said: _Said) -> Item:
    """The customer chose what the button said; the data behind it is ours alone."""
    data = words(said.thing, "data")
    rows = items(inner(inner(said.thing, "message"), "reply_markup"), "inline_keyboard")
    buttons = [button for row in rows if isinstance(row, list) for button in row if isinstance(button, dict)]
    title = next((words(button, "text") for button in buttons if data and button.get("callback_data") == data), "")
    return said.incoming("button", title or data)


def _membership(said: _Said) -> Item:
    """The customer blocks the bot, or lets it speak again."""
    status = inner(said.thing, "new_chat_member").get("status")
    return said.event("blocked" if status == "kicked" else "unblocked")


def _reaction(said: _Said) -> Item:
    emoji = [words(one, "emoji") for one in items(said.thing, "new_reaction") if isinstance(one, dict)]
    return said.event("reaction", text="".join(emoji), about=required(said.thing, "message_id"))


_READERS: dict[str, Callable[[_Said], Item]] = {
    "message": _message,
    "edited_message": _edit,
    "callback_query": _button,
    "my_chat_member": _membership,
    "message_reaction": _reaction,
}
_ELSEWHERE = {
    "business": ("business_connection", "business_message", "edited_business_message", "deleted_business_messages"),
    "group": (
        "channel_post",
        "edited_channel_post",
        "chat_member",
        "chat_join_request",
        "message_reaction_count",
        "chat_boost",
        "removed_chat_boost",
        "guest_message",
    ),
}
_COMMAND = re.compile(r"/[A-Za-z0-9_]{1,32}(@\w+)?(\s|$)")
# Their field, our kind, where its words are. What is mirrored as something plainer comes first.
_CONTENT: tuple[tuple[str, str, str | None], ...] = (
    ("live_photo", "photo", None),
    ("photo", "photo", None),
    ("voice", "voice", None),
    ("audio", "audio", "title"),
    ("video", "video", None),
    ("video_note", "video", None),
    ("animation", "animation", None),
    ("sticker", "sticker", "emoji"),
    ("document", "document", "file_name"),
    ("venue", "location", "title"),
    ("location", "location", None),
    ("contact", "contact", "phone_number"),
    ("poll", "poll", "question"),
    ("checklist", "checklist", "title"),
    ("dice", "dice", "emoji"),
    ("story", "story", None),
    ("game", "game", "title"),
)
_SERVICE = frozenset(
    """
    new_chat_members left_chat_member new_chat_title new_chat_photo delete_chat_photo group_chat_created
    supergroup_chat_created channel_chat_created message_auto_delete_timer_changed migrate_to_chat_id
    migrate_from_chat_id pinned_message successful_payment refunded_payment users_shared chat_shared connected_website
    write_access_allowed passport_data proximity_alert_triggered boost_added chat_background_set forum_topic_created
    forum_topic_edited forum_topic_closed forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden
    gift unique_gift giveaway_created giveaway giveaway_winners giveaway_completed video_chat_scheduled
    video_chat_started video_chat_ended video_chat_participants_invited web_app_data chat_owner_changed chat_owner_left
    checklist_tasks_added checklist_tasks_done direct_message_price_changed gift_upgrade_sent managed_bot_created
    paid_message_price_changed poll_option_added poll_option_deleted suggested_post_approval_failed
    suggested_post_approved suggested_post_declined suggested_post_paid suggested_post_refunded
    """.split()  # noqa: SIM905
)


# Writing ----------------------------------------------------------------------------------------------------------


class TelegramCredentials(Credentials):
    """What BotFather gave."""

    bot_token: PathToken


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of the error table: the first whose status and words fit decides. Words are compared in lower case."""

    statuses: range
    says: str
    verdict: Verdict


def _status(number: int) -> range:
    return range(number, number + 1)


_ANY = range(300, 600)
ERRORS: tuple[Rule, ...] = (
    # Bale: the words are its own, the status varies
    Rule(_ANY, "no such group or user", Verdict.UNREACHABLE),
    Rule(_ANY, "token not found", Verdict.CHANNEL_REFUSED),
    Rule(_ANY, "bot limit exceed", Verdict.LATER_CHANNEL),
    Rule(_ANY, "local_rate_limited", Verdict.LATER_CHANNEL),
    # Telegram
    Rule(_status(429), "", Verdict.LATER_CHANNEL),  # the whole bot, not only the chat
    Rule(_status(401), "", Verdict.CHANNEL_REFUSED),
    Rule(_status(404), "", Verdict.CHANNEL_REFUSED),  # how it answers a token it never gave out
    Rule(_status(409), "", Verdict.CHANNEL_REFUSED),  # somebody else polls this bot
    Rule(_status(413), "", Verdict.REFUSED),
    Rule(_status(400), "chat not found", Verdict.UNREACHABLE),
    Rule(_status(400), "peer_id_invalid", Verdict.UNREACHABLE),
    Rule(_status(400), "upgraded to a supergroup", Verdict.REFUSED),
    Rule(_status(400), "", Verdict.REFUSED),  # too long, empty, can't parse: ours to repair
    Rule(_status(403), "", Verdict.UNREACHABLE),  # blocked, deactivated, kicked, never started: always about this chat
    Rule(_status(504), "", Verdict.AMBIGUOUS),  # a gateway that had passed it on
    Rule(_status(502), "", Verdict.LATER_PERHAPS_TAKEN),
    Rule(range(500, 600), "", Verdict.LATER),
    Rule(range(300, 400), "", Verdict.LATER_CHANNEL),  # no Bot API redirects: something stands between us
)


class TelegramSender:
    """sendMessage as plain text: what a model wrote is never read as markup."""

    reconcile_seconds: ClassVar[int] = 0
    _options: ClassVar[Json] = {"link_preview_options": {"is_disabled": True}}

    def __init__(self, client: httpx.AsyncClient, api_url: str, credentials: TelegramCredentials) -> None:
        self._client = client
        self._api_url = api_url
        self._token = credentials.bot_token

    @staticmethod
    def split(text: str) -> list[str]:
        """Pieces of at most 4096 UTF-16 units."""
        return split_text(text, TEXT_LIMIT, "utf16")

    async def send(self, recipient: str, text: str, *, part: str) -> Sent:
        """Raises NotSent. Nothing here is idempotent: Telegram takes no id of ours and shows no echo."""
        result = await self._call("sendMessage", {"chat_id": _chat_id(recipient), "text": text, **self._options})
        message_id = identifier(result, "message_id")
        if message_id is None:
            raise Ambiguous("the answer to a send names no message")
        return Sent(f"{recipient}:{message_id}")

    async def typing(self, recipient: str, *, message: str | None = None) -> None:
        """Shows for five seconds, or until the message comes."""
        try:
            await self._call("sendChatAction", {"chat_id": _chat_id(recipient), "action": "typing"})
        except NotSent:
            return

    async def validate(self) -> str:
        """The bot's username, from getMe. Raises ChannelRefused for a wrong token, NotSent if nobody answers."""
        return words(await self._call("getMe", {}), "username")

    async def _call(self, method: str, body: Json) -> Json:
        token = self._token.get_secret_value()
        answer = await calling.post(self._client, f"{self._api_url}/bot{token}/{method}", body=body)
        given = answer.body or {}
        if given.get("ok") is True and answer.status < 300:
            result = given.get("result")
            return result if isinstance(result, dict) else {}
        refused = given.get("ok") is False
        if answer.status < 300 and not refused:
            raise Ambiguous("the answer can't be read")
        code = given.get("error_code")
        status = code if refused and isinstance(code, int) else answer.status
        description = words(given, "description") or "no description"
        wait = calling.wait_seconds(_parameter(given, "retry_after"))
        reason = calling.scrubbed(f"{status}: {description}", token)
        raise judge(status, description).error(reason, answer.retry_after if wait is None else wait)


def _parameter(given: Json, name: str) -> Any:
    parameters = given.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def judge(status: int, description: str) -> Verdict:
    """The table's word on an answer; what stands nowhere in it was refused."""
    said = description.lower()
    return next((rule.verdict for rule in ERRORS if status in rule.statuses and rule.says in said), Verdict.REFUSED)


def _chat_id(recipient: str) -> int | str:
    return int(recipient) if re.fullmatch(r"-?[0-9]{1,18}", recipient) else recipient


class BaleSender(TelegramSender):
    """Bale knows fewer options, and is sent none that it doesn't."""

    _options: ClassVar[Json] = {}
