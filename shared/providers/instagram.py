"""Instagram messaging, through Instagram login; a linked page's API differs only in host and id.

https://developers.facebook.com/docs/instagram-platform/webhooks/examples
"""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import httpx

from shared.errors import Unreadable
from shared.providers import bodies, graph
from shared.providers.bodies import Json, identifier, inner, items, moment, required, words
from shared.providers.credentials import Credentials, HeaderToken, NodeId
from shared.providers.graph import Item, Rule, each, each_of
from shared.providers.incoming import Batch, DeliveryState, Incoming, ProviderEvent, batch_of
from shared.providers.outgoing import Ambiguous, NotSent, Sent, Verdict
from shared.text.splitting import split as split_text

TEXT_LIMIT = 1000  # bytes of UTF-8, about 540 Persian letters
WINDOW_HOURS = 24

verify = graph.verify
handshake = graph.handshake


# Reading ----------------------------------------------------------------------------------------------------------


def parse(body: bytes) -> Batch:
    """Every entry and item. Raises Unreadable where the body is no webhook of Instagram's."""
    return batch_of(list(each_of(graph.entries(body, "instagram"), _entry)))


def _entry(entry: Json) -> Iterator[Item]:
    account = identifier(entry, "id")
    empty = True
    for name, read in (("messaging", _messaging), ("standby", _standby), ("changes", _change)):
        for item in each(items(entry, name), partial(read, account=account), account):
            empty = False
            yield item
    if empty:
        yield ProviderEvent(
            key=bodies.key("unknown", bodies.fingerprint(entry)), kind="unknown", payload=entry, account=account
        )


def _messaging(item: Json, account: str | None) -> Item:
    message = inner(item, "message")
    if message:
        return _message(item, message, account)
    if item.get("postback") is not None:
        postback = inner(item, "postback")
        if "mid" not in postback:  # an ice breaker's may have none
            postback = {**postback, "mid": bodies.fingerprint(item)}
        return _incoming(item, account, "postback", postback, "button", words(postback, "title", "payload"))
    if item.get("message_edit") is not None:
        edit = inner(item, "message_edit")
        return _event(item, account, "edit", edit, words(edit, "text"), str(edit.get("num_edit", "")))
    if item.get("reaction") is not None:
        reaction = inner(item, "reaction")
        emoji = "" if words(reaction, "action") == "unreact" else words(reaction, "emoji", "reaction")
        return _event(item, account, "reaction", reaction, emoji, words(reaction, "action"), _stamp(item))
    if item.get("read") is not None:
        return _event(item, account, "read", inner(item, "read"), None, state="read")
    kind = "referral" if item.get("referral") is not None else "unknown"
    at = moment(item.get("timestamp"), per_second=1000)
    return ProviderEvent(
        key=bodies.key(kind, bodies.fingerprint(item)), kind=kind, payload=item, at=at, account=account
    )


def _message(item: Json, message: Json, account: str | None) -> Item:
    """What our side sent, by the API or in the app, comes back as an echo: answering one would never end."""
    if message.get("is_deleted") is True:
        return _event(item, account, "deletion", message, None)
    if message.get("is_echo") is True or required(inner(item, "sender"), "id") == account:
        return _event(item, account, "echo", message, words(message, "text"))
    if message.get("is_unsupported") is True:
        return _incoming(item, account, "message", message, "unsupported", "")
    if message.get("quick_reply") is not None:
        return _incoming(item, account, "message", message, "button", words(message, "text"))
    return _incoming(item, account, "message", message, *_content(message))


def _content(message: Json) -> tuple[str, str]:
    text = words(message, "text")
    if text:
        return "text", text
    for attachment in items(message, "attachments"):
        if isinstance(attachment, dict):
            return _ATTACHMENTS.get(words(attachment, "type"), "unsupported"), words(
                inner(attachment, "payload"), "title"
            )
    return "unsupported", ""


def _incoming(item: Json, account: str | None, their: str, content: Json, kind: str, text: str) -> Incoming:
    """Kind and mid make the key: an unsent message and an echo use a mid again."""
    return Incoming(
        sender=required(inner(item, "sender"), "id"),
        key=bodies.key(their, required(content, "mid")),
        kind=kind,
        text=text,
        name=None,
        language=None,
        sent_at=moment(item.get("timestamp"), per_second=1000),
        payload=item,
        account=account,
    )


def _event(
    item: Json,
    account: str | None,
    kind: str,
    content: Json,
    text: str | None,
    *more: str,
    state: DeliveryState | None = None,
) -> ProviderEvent:
    mid = required(content, "mid")
    sender, recipient = identifier(inner(item, "sender"), "id"), identifier(inner(item, "recipient"), "id")
    ours = kind == "echo" or sender == account
    return ProviderEvent(
        key=bodies.key(kind, mid, *more),
        kind=kind,
        provider_id=mid,
        state=state,
        recipient=recipient if ours else sender,
        text=text,
        at=moment(item.get("timestamp"), per_second=1000),
        payload=item,
        account=account,
    )


def _standby(item: Json, account: str | None) -> Item:
    """Another app owns this thread: kept, never answered."""
    at = moment(item.get("timestamp"), per_second=1000)
    recipient = identifier(inner(item, "sender"), "id")
    event_key = bodies.key("standby", bodies.fingerprint(item))
    return ProviderEvent(key=event_key, kind="standby", payload=item, recipient=recipient, at=at, account=account)


def _change(change: Json, account: str | None) -> Item:
    """Comments, mentions, and the dashboard's test button, which names account 0."""
    kind = "test" if account == "0" else "unknown"
    return ProviderEvent(key=bodies.key(kind, bodies.fingerprint(change)), kind=kind, payload=change, account=account)


def _stamp(item: Json) -> str:
    value = identifier(item, "timestamp")
    if value is None:
        raise Unreadable("no timestamp")
    return value


_ATTACHMENTS = {
    "image": "photo",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "share": "share",
    "media": "share",
    "ig_post": "share",
    "reel": "share",
    "ig_reel": "share",
    "story": "story",
    "ig_story": "story",
    "story_mention": "story_mention",
}


# Writing ----------------------------------------------------------------------------------------------------------

# https://developers.facebook.com/docs/messenger-platform/error-codes; with a subcode before the code alone
ERRORS: tuple[Rule, ...] = (
    Rule((10,), Verdict.REFUSED, subcode=2534022),  # the customer's 24 hours are over
    Rule((551,), Verdict.UNREACHABLE),
    Rule((100,), Verdict.UNREACHABLE, subcode=2534014),  # no such customer
    Rule((100,), Verdict.UNREACHABLE, subcode=2534029),  # blocked
    Rule((10,), Verdict.LATER_CHANNEL, subcode=1893063, wait_seconds=3600),  # restricted for hours
    Rule((190,), Verdict.CHANNEL_REFUSED),  # token expired or revoked
    Rule((200,), Verdict.CHANNEL_REFUSED, subcode=2534041),  # "allow access to messages" is off
    Rule((10, *range(200, 300)), Verdict.CHANNEL_REFUSED),
    Rule((4, 17, 32, 613), Verdict.LATER_CHANNEL),
    Rule((1,), Verdict.AMBIGUOUS, subcode=1357046),  # was sent all the same
    Rule((1, 2), Verdict.LATER),
    Rule((100,), Verdict.REFUSED),  # our request
)


class InstagramCredentials(Credentials):
    """A long-lived token, and the professional account's id as webhooks name it."""

    access_token: HeaderToken
    account_id: NodeId


class InstagramSender:
    """Text inside the customer's 24 hours. The HUMAN_AGENT tag is for people and never used here."""

    reconcile_seconds: ClassVar[int] = 60

    def __init__(self, client: httpx.AsyncClient, api_url: str, credentials: InstagramCredentials) -> None:
        url = f"{api_url}/{graph.VERSION}/{credentials.account_id}/messages"
        self._calls = graph.GraphCalls(client, url, credentials.access_token, ERRORS)

    @staticmethod
    def split(text: str) -> list[str]:
        """Pieces of at most 1000 bytes."""
        return split_text(text, TEXT_LIMIT, "bytes")

    async def send(self, recipient: str, text: str, *, part: str) -> Sent:
        """The id given comes back as the echo's. Raises NotSent."""
        answer = await self._calls.post({"recipient": {"id": recipient}, "message": {"text": text}})
        message_id = identifier(answer, "message_id")
        if message_id is None:
            raise Ambiguous("the answer to a send names no message")
        return Sent(message_id)

    async def typing(self, recipient: str, *, message: str | None = None) -> None:
        """Shows until the answer comes."""
        try:
            await self._calls.post({"recipient": {"id": recipient}, "sender_action": "typing_on"})
        except NotSent:
            return
