"""WhatsApp Cloud API.

https://developers.facebook.com/docs/whatsapp/cloud-api. Accepted is not delivered: most refusals come as a status.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar
from uuid import UUID

import httpx

from shared.errors import Unreadable
from shared.providers import bodies, graph
from shared.providers.bodies import Json, identifier, inner, items, moment, required, words
from shared.providers.credentials import Credentials, HeaderToken, NodeId
from shared.providers.graph import Item, Rule, each, each_of
from shared.providers.incoming import Batch, DeliveryState, Incoming, ProviderEvent, batch_of
from shared.providers.outgoing import Ambiguous, NotSent, Refused, Sent, Verdict
from shared.text.splitting import split as split_text

TEXT_LIMIT = 4096
WINDOW_HOURS = 24

verify = graph.verify
handshake = graph.handshake


# Reading ----------------------------------------------------------------------------------------------------------


def parse(body: bytes) -> Batch:
    """Every entry, change, message and status. Raises Unreadable where the body is no webhook of WhatsApp's."""
    found = graph.entries(body, "whatsapp_business_account")
    return batch_of(list(each_of(found, _entry)))


def _entry(entry: Json) -> Iterator[Item]:
    if changes := items(entry, "changes"):
        yield from each_of(changes, _change)
    else:
        yield ProviderEvent(key=bodies.key("unknown", bodies.fingerprint(entry)), kind="unknown", payload=entry)


def _change(change: Json) -> Iterator[Item]:
    field, value = words(change, "field"), inner(change, "value")
    account = identifier(inner(value, "metadata"), "phone_number_id")
    people = _People(value)
    empty = True
    for name, read in _READERS.get(field, ()):
        for item in each(items(value, name), partial(read, people=people, account=account), account):
            empty = False
            yield item
    if empty:
        kind = "error" if items(value, "errors") else "unknown"
        yield ProviderEvent(
            key=bodies.key(kind, bodies.fingerprint(change)), kind=kind, payload=change, account=account
        )


class _People:
    """`contacts[]` of a change: absent, lean or full, and the only place of some ids and of every name."""

    def __init__(self, value: Json) -> None:
        self._contacts = [contact for contact in items(value, "contacts") if isinstance(contact, dict)]

    def of(self, phone: str | None, user_id: str | None) -> Json:
        """The contact with this phone or BSUID; an empty one if nobody fits."""
        for contact in self._contacts:
            if phone is not None and identifier(contact, "wa_id") == phone:
                return contact
            if user_id is not None and identifier(contact, "user_id") == user_id:
                return contact
        return {}

    def only(self) -> str | None:
        """Who it must be where a message names nobody and one person is spoken of."""
        return identifier(self._contacts[0], "user_id", "wa_id") if len(self._contacts) == 1 else None

    def stable_id(self, phone: str | None, user_id: str | None) -> str | None:
        """The BSUID where there is one: phones are hidden and change."""
        return user_id or identifier(self.of(phone, user_id), "user_id") or phone


def _message(message: Json, people: _People, account: str | None) -> Item:
    wamid, kind, at = required(message, "id"), words(message, "type"), moment(message.get("timestamp"))
    phone, user_id = identifier(message, "from"), identifier(message, "from_user_id")
    sender = people.stable_id(phone, user_id) or people.only()
    if message.get("group_id") is not None:
        return ProviderEvent(key=bodies.key("group", wamid), kind="group", payload=message, at=at, account=account)
    if kind in _CHANGES:
        return _event(_CHANGES[kind], wamid, message, sender, account)
    if sender is None:
        raise Unreadable("no sender")
    ours, text = _content(kind, message)
    profile = inner(people.of(phone, user_id), "profile")
    return Incoming(
        sender=sender,
        key=bodies.key(wamid),
        kind=ours,
        text=text,
        name=words(profile, "name", "username") or None,
        language=None,
        sent_at=at,
        payload=message,
        account=account,
        reply_to=phone or identifier(people.of(phone, user_id), "wa_id"),
    )


def _content(kind: str, message: Json) -> tuple[str, str]:
    """Our name of what the message holds, and the words in it. A type may come without its object."""
    if kind == "contacts":
        return "contact", _phones(message)
    content = inner(message, kind)
    if not content:
        return "unsupported", ""
    match kind:
        case "text":
            return "text", words(content, "body")
        case "button":
            return "button", words(content, "text", "payload")
        case "interactive":
            return _interactive(content)
        case "audio":
            return ("voice" if content.get("voice") is True else "audio"), ""
        case "image":
            return "photo", words(content, "caption")
        case "video" | "document":
            return kind, words(content, "caption", "filename")
        case "location":
            return "location", words(content, "name", "address")
        case "order":
            return "order", words(content, "text")
        case "sticker":
            return "sticker", ""
        case _:
            return "unsupported", ""


def _phones(message: Json) -> str:
    cards = [card for card in items(message, "contacts") if isinstance(card, dict)]
    phones = [phone for card in cards for phone in items(card, "phones") if isinstance(phone, dict)]
    return ", ".join(filter(None, (words(phone, "phone") for phone in phones)))


def _interactive(content: Json) -> tuple[str, str]:
    match words(content, "type"):
        case "button_reply" | "list_reply" as kind:
            return "button", words(inner(content, kind), "title", "id")
        case "nfm_reply":  # a filled form; its fields are a JSON string in the payload
            return "form", words(inner(content, "nfm_reply"), "body")
        case _:
            return "unsupported", ""


def _event(kind: str, wamid: str, message: Json, sender: str | None, account: str | None) -> ProviderEvent:
    """A customer changing something: a reaction, an edit, an unsent message, a new phone number."""
    content = inner(message, words(message, "type"))
    match kind:
        case "reaction":
            about, text = identifier(content, "message_id"), words(content, "emoji")
        case "edit":
            now = inner(content, "message")
            about, text = identifier(content, "original_message_id"), _content(words(now, "type"), now)[1]
        case _:
            about, text = identifier(content, "original_message_id"), words(content, "body")
    return ProviderEvent(
        key=bodies.key(kind, wamid),
        kind=kind,
        provider_id=about,
        recipient=sender,
        text=text,
        at=moment(message.get("timestamp")),
        payload=message,
        account=account,
    )


def _status(status: Json, people: _People, account: str | None) -> Item:
    wamid, word = required(status, "id"), words(status, "status")
    phone = identifier(status, "recipient_id")
    participant = identifier(status, "recipient_participant_user_id", "recipient_participant_id")
    user_id = identifier(status, "recipient_user_id")
    recipient = people.stable_id(phone, user_id)
    errors = [error for error in items(status, "errors") if isinstance(error, dict)]
    return ProviderEvent(
        key=bodies.key("status", wamid, word, participant or phone or user_id),
        kind="status",
        provider_id=wamid,
        part=_part(words(status, "biz_opaque_callback_data")),
        state=_STATES.get(word),
        reason="; ".join(map(graph.describe, errors)) or None,
        verdict=_worst(errors),
        recipient=recipient,
        at=moment(status.get("timestamp")),
        payload=status,
        account=account,
    )


def _worst(errors: list[Json]) -> Verdict | None:
    """By the table of refusals, which come here as often as in an answer."""
    found = [rule.verdict for error in errors if (rule := graph.judge(ERRORS, graph.number(error.get("code")), None))]
    return next((verdict for verdict in (Verdict.CHANNEL_REFUSED, Verdict.UNREACHABLE) if verdict in found), None)


def _part(given: str) -> str | None:
    """Other software that sends from this number may set words of its own: only a UUID can be ours."""
    try:
        return str(UUID(given))
    except ValueError:
        return None


def _echo(echo: Json, people: _People, account: str | None) -> Item:
    """The business answered from its own phone: a person has taken over."""
    wamid, phone = required(echo, "id"), identifier(echo, "to")
    return ProviderEvent(
        key=bodies.key("echo", wamid),
        kind="echo",
        provider_id=wamid,
        recipient=people.stable_id(phone, identifier(echo, "to_user_id")),
        text=_content(words(echo, "type"), echo)[1],
        at=moment(echo.get("timestamp")),
        payload=echo,
        account=account,
    )


# Message types that change something said before, in our words; nobody asked us anything.
_CHANGES = {
    "reaction": "reaction",
    "edit": "edit",
    "revoke": "deletion",
    "system": "system",
    "request_welcome": "service",
}
_READERS: dict[str, tuple[tuple[str, Callable[..., Item]], ...]] = {
    "messages": (("messages", _message), ("statuses", _status)),
    "smb_message_echoes": (("message_echoes", _echo),),
}
_STATES: dict[str, DeliveryState] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "failed": "failed",
}


# Writing ----------------------------------------------------------------------------------------------------------

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
ERRORS: tuple[Rule, ...] = (
    Rule((0, 190, 3, 10, *range(200, 300), 131005), Verdict.CHANNEL_REFUSED),  # token, permission
    Rule((368, 131031, 131042, 131045, 133010, 131037), Verdict.CHANNEL_REFUSED),  # blocked, billing, not registered
    Rule((1, 2, 131000, 131016, 133004, 131057), Verdict.LATER),
    Rule((4, 80007, 130429), Verdict.LATER_CHANNEL),  # app, account, throughput
    Rule((131056,), Verdict.LATER_PAIR),  # one message in six seconds to one customer
    Rule((131048, 131064), Verdict.LATER_CHANNEL, wait_seconds=3600),  # spam or quality: hours
    Rule((131047,), Verdict.REFUSED),  # the customer's 24 hours are over
    Rule((131026, 131030, 131021, 130497, 131062), Verdict.UNREACHABLE),
    Rule((131049, 131050, 130472), Verdict.REFUSED),  # marketing caps and opt-outs
    Rule((100, 131008, 131009, 131051, *range(132000, 132019)), Verdict.REFUSED),  # our request
    Rule((131052, 131053), Verdict.REFUSED),  # media
    Rule((137000,), Verdict.REFUSED),  # identity hash
)

_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,128}")
_IRAN = ("98", "IR.")
"""Meta neither serves businesses in Iran nor delivers to its numbers: the API would say yes and fail later."""


class WhatsAppCredentials(Credentials):
    """A system user's token, and the id (not the number) of the phone that speaks."""

    access_token: HeaderToken
    phone_number_id: NodeId


class WhatsAppSender:
    """Free-form text inside the customer's 24 hours."""

    reconcile_seconds: ClassVar[int] = 60

    def __init__(self, client: httpx.AsyncClient, api_url: str, credentials: WhatsAppCredentials) -> None:
        url = f"{api_url}/{graph.VERSION}/{credentials.phone_number_id}/messages"
        self._calls = graph.GraphCalls(client, url, credentials.access_token, ERRORS)

    @staticmethod
    def split(text: str) -> list[str]:
        """Pieces of at most 4096 characters."""
        return split_text(text, TEXT_LIMIT, "chars")

    async def send(self, recipient: str, text: str, *, part: str) -> Sent:
        """*recipient*: the phone as it wrote to us, or a BSUID. *part* comes back in every status. Raises NotSent."""
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **_address(recipient),
            "type": "text",
            "text": {"body": text, "preview_url": False},
            "biz_opaque_callback_data": part,
        }
        answer = await self._calls.post(body)
        match answer.get("messages"):
            case [{"id": str(wamid)}, *_]:
                return Sent(wamid)
            case _:
                raise Ambiguous("the answer to a send names no message")

    async def typing(self, recipient: str, *, message: str | None = None) -> None:
        """Marks *message* read and shows typing for 25 s or until the answer; without one there is nothing to say."""
        if message is None:
            return
        body: Json = {
            "messaging_product": "whatsapp",
            "status": "read",
            "message_id": message,
            "typing_indicator": {"type": "text"},
        }
        try:
            await self._calls.post(body)
        except NotSent:
            return


def _address(recipient: str) -> Json:
    """Raises Refused for Iran."""
    address = recipient.removeprefix("+")
    if address.startswith(_IRAN):
        raise Refused("WhatsApp does not deliver to Iran", contact_unreachable=True)
    return {"recipient": address} if _BSUID.fullmatch(address) else {"to": address}
