"""Instagram Messaging (Instagram API with Instagram Login): an account's messages, and their echoes.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/messaging-api and
the Messenger Platform's error codes. Every message that was taken comes back as an echo whose `mid` is the message_id.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.simulator import graph
from local.simulator.accounts import InstagramAccount
from local.simulator.graph import GraphRefusal
from local.simulator.ledger import Chat, Entry, Ledger
from local.simulator.scripts import Refuse, Scripts, act, echo_of
from local.simulator.webhooks import Delivery, Webhooks, signed

TEXT_BYTES = 1_000
QUICK_REPLIES = 13
TYPING_SECONDS = 20.0
HUMAN_AGENT_SECONDS = 7 * 24 * 3600.0
PARAMETERS = frozenset({"recipient", "message", "messaging_type", "tag", "sender_action", "payload"})
ACTIONS = frozenset({"typing_on", "typing_off", "mark_seen", "react", "unreact"})
ERROR_TYPE = "IGApiException"


class Profile:
    """One professional account."""

    def __init__(self, account: InstagramAccount) -> None:
        self.account = account
        self.key = account.key
        self.revoked = False


class _Dialect:
    def too_many(self, retry_after: int | None) -> Response:
        headers = None if retry_after is None else {"retry-after": str(retry_after)}
        message = "(#613) Calls to this api have exceeded the rate limit."
        return GraphRefusal(400, 613, message, ERROR_TYPE, 2534040, headers=headers).response()

    def server_error(self, code: int) -> Response:
        message = "An unexpected error has occurred. Please retry your request later."
        return GraphRefusal(code, 1, message, ERROR_TYPE, 1357046).response()

    def refused(self, step: Refuse) -> Response:
        return GraphRefusal(step.status, step.code, step.message, ERROR_TYPE, step.subcode).response()


class InstagramApi:
    """All professional accounts."""

    def __init__(self, ledger: Ledger, scripts: Scripts, webhooks: Webhooks, now: Callable[[], float]) -> None:
        self.profiles: dict[str, Profile] = {}
        self._ledger = ledger
        self._scripts = scripts
        self._webhooks = webhooks
        self._now = now
        self._dialect = _Dialect()

    def add(self, account: InstagramAccount) -> Profile:
        profile = self.profiles[account.account_id] = Profile(account)
        return profile

    async def messages(self, request: Request) -> Response:
        """`POST /<version>/<account id or me>/messages`."""
        try:
            graph.check_version(request.path_params["version"])
            profile = self._profile(request.path_params["node"], graph.bearer(request))
            body = await graph.read_object(request)
            chat = self._recipient(profile, body)
            if "sender_action" in body:
                return self._sender_action(chat, body)
            step = self._scripts.take_for(request, profile.key, chat.id)
            echo = echo_of(step)
            following: list[asyncio.Task[Delivery]] = []
            response = await act(step, lambda: self._send(profile, chat, body, echo, following), self._dialect)
            if echo == "before":
                await asyncio.gather(*following)
            return response
        except GraphRefusal as refusal:
            return refusal.response()

    def deliver(self, profile: Profile, *items: dict[str, Any]) -> asyncio.Task[Delivery]:
        """Sends messaging items to the account's webhook, escaped as Meta does."""
        body = graph.escaped(self.envelope(profile, *items))
        secret = profile.account.app_secret.get_secret_value()
        return self._webhooks.send(profile.key, profile.account.webhook_url, signed(body, secret))

    def envelope(self, profile: Profile, *items: dict[str, Any]) -> dict[str, Any]:
        """A webhook's body around messaging *items*."""
        moment = int(self._now() * 1000)
        return {
            "object": "instagram",
            "entry": [{"id": profile.account.account_id, "time": moment, "messaging": list(items)}],
        }

    def item(self, profile: Profile, chat: Chat, *, from_customer: bool, **content: Any) -> dict[str, Any]:
        """One messaging item between the two."""
        account, customer = {"id": profile.account.account_id}, {"id": chat.id}
        sender, recipient = (customer, account) if from_customer else (account, customer)
        return {"sender": sender, "recipient": recipient, "timestamp": int(self._now() * 1000), **content}

    def echo(self, profile: Profile, chat: Chat, entry: Entry) -> asyncio.Task[Delivery]:
        """What the account's side sent, through the API or by hand in the app, comes back."""
        message = {"mid": entry.id, "text": entry.text, "is_echo": True}
        return self.deliver(profile, self.item(profile, chat, from_customer=False, message=message))

    def _profile(self, node: str, token: str) -> Profile:
        if node == "me":
            profile = next((one for one in self.profiles.values() if graph.same(token, one.account.access_token)), None)
        else:
            profile = self.profiles.get(node)
            if profile is None and any(graph.same(token, one.account.access_token) for one in self.profiles.values()):
                raise GraphRefusal(400, 100, graph.NO_SUCH_OBJECT.format(node), ERROR_TYPE, 33)
        if profile is None:
            raise GraphRefusal(400, 190, "Invalid OAuth access token - Cannot parse access token")
        graph.check_token(token, profile.account.access_token, revoked=profile.revoked, status=400)
        return profile

    def _recipient(self, profile: Profile, body: dict[str, Any]) -> Chat:
        if unknown := body.keys() - PARAMETERS:
            self._ledger.warn(f"instagram messages: unknown parameters {', '.join(sorted(unknown))}")
        recipient = body.get("recipient")
        if not isinstance(recipient, dict) or not recipient.get("id"):
            raise GraphRefusal(400, 100, "(#100) The parameter recipient is required", ERROR_TYPE)
        chat = self._ledger.chat(profile.key, str(recipient["id"]))
        if chat is None or chat.last_customer_at is None:
            raise GraphRefusal(400, 100, "The requested user cannot be found.", ERROR_TYPE, 2534014)
        if chat.blocked:
            raise GraphRefusal(400, 100, "This user can't receive messages from the account.", ERROR_TYPE, 2534029)
        return chat

    def _sender_action(self, chat: Chat, body: dict[str, Any]) -> Response:
        action = body["sender_action"]
        if action not in ACTIONS:
            raise GraphRefusal(400, 100, "(#100) Param sender_action is not valid", ERROR_TYPE)
        if action == "mark_seen":
            for entry in chat.entries:
                if entry.role == "customer" and entry.status != "read":
                    chat.mark(entry, "read")
        elif action in {"typing_on", "typing_off"}:
            chat.type_until(self._now() + TYPING_SECONDS if action == "typing_on" else 0.0)
        return JSONResponse({"recipient_id": chat.id})

    def _send(
        self,
        profile: Profile,
        chat: Chat,
        body: dict[str, Any],
        echo: str,
        following: list[asyncio.Task[Delivery]],
    ) -> Response:
        text = _checked_text(body.get("message"))
        self._check_window(chat, body)
        entry = Entry(f"aWdfZA{secrets.token_urlsafe(24)}", "business", text, self._now(), status="sent")
        entry.markup = (body.get("message") or {}).get("quick_replies")
        self._ledger.accept("instagram", chat, entry, method="messages")
        if echo != "never":
            following.append(self.echo(profile, chat, entry))
        return JSONResponse({"recipient_id": chat.id, "message_id": entry.id})

    def _check_window(self, chat: Chat, body: dict[str, Any]) -> None:
        """24 hours from the customer's last message; a person's late reply, marked as one, has 7 days."""
        tagged = body.get("messaging_type") == "MESSAGE_TAG"
        if tagged and body.get("tag") != "HUMAN_AGENT":
            raise GraphRefusal(400, 100, "(#100) Param tag must be one of {HUMAN_AGENT}", ERROR_TYPE)
        allowed = HUMAN_AGENT_SECONDS if tagged else graph.WINDOW_SECONDS
        if chat.last_customer_at is None or self._now() - chat.last_customer_at > allowed:
            raise GraphRefusal(403, 10, "This message is sent outside of allowed window.", ERROR_TYPE, 2534022)


def _checked_text(message: Any) -> str:
    """What the customer will read. Raises GraphRefusal."""
    if not isinstance(message, dict) or not message:
        raise GraphRefusal(400, 100, "(#100) The parameter message is required", ERROR_TYPE)
    if len(message.get("quick_replies") or []) > QUICK_REPLIES:
        raise GraphRefusal(400, 100, "(#100) Param message[quick_replies] has too many elements.", ERROR_TYPE)
    attachment = message.get("attachment")
    if isinstance(attachment, dict):
        return f"[{attachment.get('type', 'attachment')}]"
    text = message.get("text")
    if not isinstance(text, str) or not text.strip():
        raise GraphRefusal(400, 100, "(#100) Param message[text] must be a non-empty string", ERROR_TYPE)
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES:
        limit = "(#100) Length of param message[text] must be less than or equal to 1000"
        raise GraphRefusal(400, 100, limit, ERROR_TYPE)
    return text
