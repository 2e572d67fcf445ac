"""WhatsApp Cloud API: a number's messages, and the statuses that tell what became of them.

Sources: https://developers.facebook.com/docs/whatsapp/cloud-api (messages, webhooks, support/error-codes). An accepted
message is not a delivered one: a closed window or a forbidden country answers 200 and comes back as `failed`.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.simulator import graph
from local.simulator.accounts import WhatsAppAccount
from local.simulator.graph import GraphRefusal
from local.simulator.ledger import Chat, Entry, Ledger
from local.simulator.scripts import Refuse, Scripts, Statuses, act, statuses_of
from local.simulator.webhooks import Delivery, Webhooks, signed

TEXT_LIMIT = 4096  # characters
REFERENCE_LIMIT = 512
RECEIVED = 10_000  # wamids of customers kept per number
TYPING_SECONDS = 25.0
TYPES = frozenset(
    [
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "template",
        "reaction",
    ]
)
PARAMETERS = frozenset(
    [
        "messaging_product",
        "recipient_type",
        "to",
        "recipient",
        "type",
        "context",
        "biz_opaque_callback_data",
        "status",
        "message_id",
        "typing_indicator",
    ]
)
PRICING = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
ERROR_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"
REENGAGE = (131047, "Re-engagement message", "More than 24 hours have passed since the recipient last replied.")
COUNTRY = (
    130497,
    "Business account is restricted from messaging users in this country.",
    "Message failed to send because your account is restricted from messaging users in this country.",
)


class Number:
    """One phone number of a business."""

    def __init__(self, account: WhatsAppAccount) -> None:
        self.account = account
        self.key = account.key
        self.revoked = False
        self.by_user_id: dict[str, str] = {}  # business-scoped user id → chat
        self._received: dict[str, str] = {}  # wamid → chat

    def remember(self, wamid: str, chat: str) -> None:
        """A customer's message, so that it can be marked as read."""
        self._received[wamid] = chat
        if len(self._received) > RECEIVED:
            del self._received[next(iter(self._received))]

    def chat_of(self, wamid: str) -> str:
        return self._received.get(wamid, "")


class _Dialect:
    def too_many(self, retry_after: int | None) -> Response:
        headers = None if retry_after is None else {"retry-after": str(retry_after)}
        details = "Message failed to send because there were too many messages sent from this phone number."
        refusal = GraphRefusal(429, 130429, "(#130429) Rate limit hit", details=details, headers=headers)
        return refusal.response("whatsapp")

    def server_error(self, code: int) -> Response:
        refusal = GraphRefusal(code, 131000, "(#131000) Something went wrong", details="Unknown error")
        return refusal.response("whatsapp")

    def refused(self, step: Refuse) -> Response:
        refusal = GraphRefusal(step.status, step.code, step.message, subcode=step.subcode, details=step.details)
        return refusal.response("whatsapp")


class WhatsAppApi:
    """All numbers."""

    def __init__(self, ledger: Ledger, scripts: Scripts, webhooks: Webhooks, now: Callable[[], float]) -> None:
        self.numbers: dict[str, Number] = {}
        self._ledger = ledger
        self._scripts = scripts
        self._webhooks = webhooks
        self._now = now
        self._dialect = _Dialect()

    def add(self, account: WhatsAppAccount) -> Number:
        number = self.numbers[account.phone_number_id] = Number(account)
        return number

    async def messages(self, request: Request) -> Response:
        """`POST /<version>/<phone number id>/messages`."""
        try:
            graph.check_version(request.path_params["version"])
            number = self._number(request.path_params["node"], graph.bearer(request))
            body = await graph.read_object(request)
            if body.get("messaging_product") != "whatsapp":
                raise GraphRefusal(400, 100, "(#100) The parameter messaging_product is required.")
            if "status" in body:
                return self._mark_read(number, body)
            to = str(body.get("to") or body.get("recipient") or "").lstrip("+")
            step = self._scripts.take_for(request, number.key, to)
            statuses = statuses_of(step)
            following: list[asyncio.Task[Delivery]] = []
            response = await act(step, lambda: self._send(number, body, statuses, following), self._dialect)
            if statuses and statuses.before_answer:
                await asyncio.gather(*following)
            return response
        except GraphRefusal as refusal:
            return refusal.response("whatsapp")

    def deliver(self, number: Number, value: dict[str, Any], field: str = "messages") -> asyncio.Task[Delivery]:
        """Sends one change to the number's webhook."""
        return self._webhooks.send(
            number.key,
            number.account.webhook_url,
            signed(graph.utf8(self.envelope(number, value, field)), number.account.app_secret.get_secret_value()),
        )

    def envelope(self, number: Number, value: dict[str, Any], field: str = "messages") -> dict[str, Any]:
        """A webhook's body around *value*."""
        metadata = {
            "display_phone_number": number.account.display_phone_number,
            "phone_number_id": number.account.phone_number_id,
        }
        change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
        return {
            "object": "whatsapp_business_account",
            "entry": [{"id": number.account.waba_id, "changes": [change]}],
        }

    def tell_status(self, number: Number, chat: Chat, entry: Entry, name: str) -> dict[str, Any]:
        """One status change of *entry*, as a webhook's value; the phone shows the mark."""
        chat.mark(entry, name)
        contact = {}
        status: dict[str, Any] = {
            "id": entry.id,
            "status": name,
            "timestamp": str(int(self._now())),
        }
        hidden = "." in chat.id  # the customer's number
        if not hidden:
            contact["wa_id"] = status["recipient_id"] = chat.id
        if user_id := chat.id if hidden else chat.user_id:
            contact["user_id"] = status["recipient_user_id"] = user_id
        if entry.reference:
            status["biz_opaque_callback_data"] = entry.reference
        if name in {"sent", "delivered"}:
            status["pricing"] = PRICING
        return {"contacts": [contact], "statuses": [status]}

    def _number(self, node: str, token: str) -> Number:
        number = self.numbers.get(node)
        if number is None:
            known = any(graph.same(token, other.account.access_token) for other in self.numbers.values())
            if not known:
                raise GraphRefusal(401, 190, "Invalid OAuth access token - Cannot parse access token")
            raise GraphRefusal(400, 100, graph.NO_SUCH_OBJECT.format(node), "GraphMethodException", 33)
        graph.check_token(token, number.account.access_token, revoked=number.revoked, status=401)
        return number

    def _mark_read(self, number: Number, body: dict[str, Any]) -> Response:
        if body["status"] != "read":
            raise GraphRefusal(400, 100, "(#100) Param status must be one of {READ}")
        indicator = body.get("typing_indicator")
        if indicator is not None and (not isinstance(indicator, dict) or indicator.get("type") != "text"):
            raise GraphRefusal(400, 100, "(#100) Param typing_indicator['type'] must be one of {TEXT}")
        chat, entry = self._received(number, str(body.get("message_id") or ""))
        for earlier in chat.entries:
            if earlier.role == "customer" and earlier.status != "read":
                chat.mark(earlier, "read")
            if earlier is entry:
                break
        if indicator:
            chat.type_until(self._now() + TYPING_SECONDS)
        return JSONResponse({"success": True})

    def _received(self, number: Number, wamid: str) -> tuple[Chat, Entry]:
        chat = self._ledger.chat(number.key, number.chat_of(wamid))
        entry = chat.find(wamid, "customer") if chat else None
        if chat is None or entry is None:
            raise GraphRefusal(400, 131009, "(#131009) Parameter value is not valid", details="Invalid message ID")
        return chat, entry

    def _send(
        self, number: Number, body: dict[str, Any], statuses: Statuses | None, following: list[asyncio.Task[Delivery]]
    ) -> Response:
        text = self._checked_text(body)
        reference = str(body.get("biz_opaque_callback_data") or "")
        if len(reference) > REFERENCE_LIMIT:
            raise GraphRefusal(400, 100, "(#100) Param biz_opaque_callback_data must be at most 512 characters long.")
        chat, contact = self._recipient(number, body)
        entry = Entry(f"wamid.{secrets.token_urlsafe(24)}", "business", text, self._now(), reference=reference)
        if body.get("type") == "interactive":
            entry.markup = body["interactive"]
        self._ledger.accept("whatsapp", chat, entry, method="messages")
        values = self._outcome(number, chat, entry, statuses)
        if values:
            following.append(self._follow(number, values))
        return JSONResponse({"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": entry.id}]})

    def _checked_text(self, body: dict[str, Any]) -> str:
        """What the customer will read. Raises GraphRefusal."""
        if unknown := body.keys() - PARAMETERS - TYPES:
            self._ledger.warn(f"whatsapp messages: unknown parameters {', '.join(sorted(unknown))}")
        if body.get("recipient_type", "individual") not in {"individual", "group"}:
            raise GraphRefusal(400, 100, "(#100) Param recipient_type must be one of {individual, group}")
        kind = body.get("type", "text")
        if kind not in TYPES:
            raise GraphRefusal(400, 100, f"(#100) Param type must be one of {{{', '.join(sorted(TYPES))}}}")
        content = body.get(kind)
        if not isinstance(content, dict) and kind != "contacts":
            raise GraphRefusal(400, 100, f"(#100) The parameter {kind} is required.")
        if kind != "text":
            return _text_of(kind, content)
        text = content.get("body") if isinstance(content, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise GraphRefusal(400, 100, "(#100) The parameter text['body'] is required.")
        if len(text) > TEXT_LIMIT:
            raise GraphRefusal(400, 100, "(#100) Param text['body'] must be at most 4096 characters long.")
        return text

    def _recipient(self, number: Number, body: dict[str, Any]) -> tuple[Chat, dict[str, str]]:
        """The chat, and how the answer names the contact. A phone number wins over a user id."""
        to, user_id = body.get("to"), body.get("recipient")
        if to:
            digits = "".join(character for character in str(to) if character.isdigit() and character.isascii())
            if not 7 <= len(digits) <= 15:
                details = "The recipient is not a valid phone number"
                raise GraphRefusal(400, 131009, "(#131009) Parameter value is not valid", details=details)
            return self._ledger.open_chat(number.key, digits), {"input": str(to), "wa_id": digits}
        if user_id:
            chat_id = number.by_user_id.get(str(user_id), str(user_id))
            return self._ledger.open_chat(number.key, chat_id), {"input": str(user_id), "user_id": str(user_id)}
        raise GraphRefusal(400, 100, "(#100) The parameter to is required.")

    def _outcome(self, number: Number, chat: Chat, entry: Entry, ordered: Statuses | None) -> list[dict[str, Any]]:
        """The statuses that will follow."""
        error = None
        names: tuple[str, ...] = ("sent", "delivered")
        if ordered:
            names, error = ordered.names, (ordered.code, ordered.title, ordered.title)
        elif chat.id.startswith(("98", "IR.")) or chat.user_id.startswith("IR."):
            names, error = ("failed",), COUNTRY
        elif chat.last_customer_at is None or self._now() - chat.last_customer_at > graph.WINDOW_SECONDS:
            names, error = ("failed",), REENGAGE
        elif chat.blocked or chat.away:
            names = ("sent",)  # for ever, or until the phone is on
        if chat.blocked or "failed" in names or not (chat.away or {"delivered", "read"}.intersection(names)):
            entry.arrival = "never"
        values = []
        for name in names:
            value = self.tell_status(number, chat, entry, name)
            if name == "failed" and error:
                code, title, details = error
                problem = {"code": code, "title": title, "message": title, "error_data": {"details": details}}
                value["statuses"][0]["errors"] = [{**problem, "href": ERROR_PAGE}]
            values.append(value)
        return values

    def _follow(self, number: Number, values: list[dict[str, Any]]) -> asyncio.Task[Delivery]:
        secret = number.account.app_secret.get_secret_value()
        posts = [signed(graph.utf8(self.envelope(number, value)), secret) for value in values]
        return self._webhooks.send(number.key, number.account.webhook_url, *posts)


def _text_of(kind: str, content: Any) -> str:
    """Something to read for a message that is no text."""
    if kind == "interactive":
        buttons = content.get("action", {}).get("buttons", [])
        titles = [button.get("reply", {}).get("title", "") for button in buttons]
        if len(buttons) > 3 or any(not 0 < len(title) <= 20 for title in titles):
            details = "Button title length invalid. Min length: 1, Max length: 20"
            raise GraphRefusal(400, 131009, "(#131009) Parameter value is not valid", details=details)
        return str(content.get("body", {}).get("text", ""))
    if kind == "template":
        return f"[{content.get('name', '')}]"
    return str(content.get("caption", f"[{kind}]")) if isinstance(content, dict) else f"[{kind}]"
