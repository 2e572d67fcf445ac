"""The customer's side: builds exactly what the provider would send, signs it, and posts it to the account's webhook."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.simulator.bots import Bot, chat_object, user_object
from local.simulator.instagram import InstagramApi, Profile
from local.simulator.ledger import Chat, Entry, Ledger, UnknownAccount
from local.simulator.telegram import BotApi
from local.simulator.webhooks import Delivery, Post, Webhooks, signed
from local.simulator.whatsapp import Number, WhatsAppApi

Party = Bot | Number | Profile
COUNTRIES = {"98": "IR", "49": "DE", "90": "TR", "44": "GB", "33": "FR", "971": "AE", "1": "US"}


@dataclass(frozen=True, slots=True)
class Written:
    """What the customer did. `delivery` is its webhook's fate, None where none was sent or nobody waited."""

    id: str
    update_id: int | None = None
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Handshake:
    """The answer to Meta's GET on a webhook: verified when the raw challenge came back with 200."""

    verified: bool
    status: int | None
    body: str
    content_type: str = ""


class Phone:
    """Every simulated customer's phone, and the business's own app where a person answers by hand."""

    def __init__(
        self,
        bots: dict[str, BotApi],
        whatsapp: WhatsAppApi,
        instagram: InstagramApi,
        ledger: Ledger,
        webhooks: Webhooks,
        now: Callable[[], float],
    ) -> None:
        self._bots = bots
        self._whatsapp = whatsapp
        self._instagram = instagram
        self._ledger = ledger
        self._webhooks = webhooks
        self._now = now

    def party(self, kind: str, account: str) -> Party:
        """The account by its key or by the provider's own id. Raises UnknownAccount."""
        parties: list[Party] = []
        if kind in self._bots:
            parties = list(self._bots[kind].bots.values())
        elif kind == "whatsapp":
            parties = list(self._whatsapp.numbers.values())
        elif kind == "instagram":
            parties = list(self._instagram.profiles.values())
        for party in parties:
            if account in {party.key, party.account.native_id}:
                return party
        raise UnknownAccount(f"{kind} {account}")

    async def write(
        self,
        kind: str,
        account: str,
        sender: str,
        text: str,
        *,
        name: str = "",
        chat: str | None = None,
        thread: str | None = None,
        user_id: str | None = None,
        wait: bool = True,
    ) -> Written:
        """
        *sender* writes *text*.

        Args:
            sender: a Telegram or Bale user id, a WhatsApp phone number (or, with a dot in it, a business-scoped user
                id: a customer who hides the number), an Instagram-scoped id.
            chat: Telegram and Bale only: the chat, where it isn't the private one with *sender*.
            thread: Telegram only: the topic.
            user_id: WhatsApp only: the business-scoped id; left out, one that follows from the number.
            wait: return only when the webhook was delivered or given up.

        Raises UnknownAccount.
        """
        party = self.party(kind, account)
        shown = self._ledger.open_chat(party.key, chat or sender, name)
        update_id: int | None = None
        task: asyncio.Task[Delivery] | None
        match party:
            case Bot():
                id, update_id, task = self._write_to_bot(kind, party, shown, sender, text, thread)
            case Number():
                id, task = self._write_to_number(party, shown, text, user_id)
            case Profile():
                id, task = self._write_to_profile(party, shown, text)
        return Written(id, update_id, await task if task and wait else None)

    async def press(
        self, kind: str, account: str, sender: str, data: str, title: str = "", *, wait: bool = True
    ) -> Written:
        """*sender* taps a button whose payload is *data*: a callback query, a button reply, a quick reply."""
        party = self.party(kind, account)
        chat = self._ledger.open_chat(party.key, sender)
        moment = self._now()
        match party:
            case Bot():
                return await self._press_on_bot(kind, party, chat, sender, data, wait=wait)
            case Number():
                id = _wamid()
                reply = {"type": "button_reply", "button_reply": {"id": data, "title": title or data}}
                content = {"type": "interactive", "interactive": reply}
                task = self._whatsapp.deliver(party, self._inbound(party, chat, id, content))
                party.remember(id, chat.id)
            case Profile():
                id = _mid()
                message = {"mid": id, "text": title or data, "quick_reply": {"payload": data}}
                item = self._instagram.item(party, chat, from_customer=True, message=message)
                task = self._instagram.deliver(party, item)
        chat.add(Entry(id, "customer", title or data, moment))
        return Written(id, None, await task if wait else None)

    async def read(self, kind: str, account: str, sender: str, *, wait: bool = True) -> list[Delivery]:
        """*sender* opens the chat: what was delivered is read. Telegram and Bale never tell."""
        party = self.party(kind, account)
        chat = self._ledger.open_chat(party.key, sender)
        tasks: list[asyncio.Task[Delivery]] = []
        for entry in _unread(chat):
            if isinstance(party, Number) and entry.by_hand:
                chat.mark(entry, "read")  # the API wasn't asked to send it, and isn't told of it
            elif isinstance(party, Number):
                value = self._whatsapp.tell_status(party, chat, entry, "read")
                tasks.append(self._whatsapp.deliver(party, value))
            elif isinstance(party, Profile):
                chat.mark(entry, "read")
                item = self._instagram.item(party, chat, from_customer=True, read={"mid": entry.id})
                tasks.append(self._instagram.deliver(party, item))
        return list(await asyncio.gather(*tasks)) if wait else []

    async def switch(self, kind: str, account: str, sender: str, *, on: bool, wait: bool = True) -> list[Delivery]:
        """*sender*'s phone goes off or on. What waited for it arrives, and WhatsApp tells so; the others never do."""
        party = self.party(kind, account)
        chat = self._ledger.open_chat(party.key, sender)
        chat.turn(away=not on)
        tasks: list[asyncio.Task[Delivery]] = []
        for entry in [entry for entry in chat.entries if on and entry.arrival == "waits"]:
            entry.arrival = "here"
            if isinstance(party, Number) and not entry.by_hand:
                tasks.append(self._whatsapp.deliver(party, self._whatsapp.tell_status(party, chat, entry, "delivered")))
            else:
                chat.tell("mark", entry)
        return list(await asyncio.gather(*tasks)) if wait else []

    async def block(
        self, kind: str, account: str, sender: str, *, blocked: bool = True, wait: bool = True
    ) -> Delivery | None:
        """*sender* blocks the business, or lets it in again. Telegram tells the bot; Meta tells nobody."""
        party = self.party(kind, account)
        chat = self._ledger.open_chat(party.key, sender)
        chat.turn(blocked=blocked)
        if not isinstance(party, Bot) or kind != "telegram":
            return None
        inside = {"user": party.user, "status": "member"}
        outside = {"user": party.user, "status": "kicked", "until_date": 0}  # for ever
        change = {
            "chat": chat_object(chat.id, chat.name),
            "from": user_object(sender, chat.name),
            "date": int(self._now()),
            "old_chat_member": inside if blocked else outside,
            "new_chat_member": outside if blocked else inside,
        }
        task = self._bots[kind].deliver(party, chat, {"update_id": party.next_update_id(), "my_chat_member": change})
        return await task if task and wait else None

    async def business_writes(self, kind: str, account: str, sender: str, text: str, *, wait: bool = True) -> Written:
        """A person of the business answers *sender* by hand, in the WhatsApp or Instagram app: an echo, no API call."""
        party = self.party(kind, account)
        chat = self._ledger.open_chat(party.key, sender)
        entry = Entry("", "business", text, self._now(), status="sent", by_hand=True)
        entry.arrival = "never" if chat.blocked else "waits" if chat.away else "here"
        if isinstance(party, Profile):
            entry.id = _mid()
            task = self._instagram.echo(party, chat, entry)
        elif isinstance(party, Number):
            entry.id = _wamid()
            wa_id, user_id = _ids(chat)
            echo = {
                "from": party.account.display_phone_number,
                "to_user_id": user_id,
                "id": entry.id,
                "timestamp": str(int(entry.at)),
                "type": "text",
                "text": {"body": text},
            }
            contact = {"user_id": user_id}
            if wa_id:
                echo["to"] = contact["wa_id"] = wa_id
            value = {"contacts": [contact], "message_echoes": [echo]}
            task = self._whatsapp.deliver(party, value, "smb_message_echoes")
        else:
            raise UnknownAccount(f"a person can't write by hand in {kind}")
        chat.add(entry)
        return Written(entry.id, None, await task if wait else None)

    async def deliver(self, kind: str, account: str, payload: dict[str, Any] | bytes) -> Delivery:
        """Posts any body as the provider would sign it: a recorded sample, a batch, rubbish."""
        party = self.party(kind, account)
        body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
        if isinstance(party, Bot):
            headers = {"content-type": "application/json", self._bots[kind].flavour.secret_header: party.secret_token}
            return await self._webhooks.send(party.key, party.webhook_url, Post(body, headers), obey_retry_after=True)
        post = signed(body, party.account.app_secret.get_secret_value())
        return await self._webhooks.send(party.key, party.account.webhook_url, post)

    async def subscribe(self, kind: str, account: str, *, verify_token: str | None = None) -> Handshake:
        """Meta's GET handshake on the account's webhook. *verify_token* replaces the right one."""
        party = self.party(kind, account)
        if isinstance(party, Bot):
            raise UnknownAccount(f"{kind} has no handshake")
        challenge = str(secrets.randbelow(10**10))
        token = party.account.verify_token.get_secret_value() if verify_token is None else verify_token
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token}
        response = await self._webhooks.client.get(party.account.webhook_url, params=query)
        verified = response.status_code == 200 and response.text == challenge
        return Handshake(verified, response.status_code, response.text, response.headers.get("content-type", ""))

    def _write_to_bot(
        self, kind: str, bot: Bot, chat: Chat, sender: str, text: str, thread: str | None
    ) -> tuple[str, int, asyncio.Task[Delivery] | None]:
        entry = Entry(str(bot.next_message_id()), "customer", text, self._now(), thread=thread)
        message: dict[str, Any] = {
            "message_id": int(entry.id),
            "date": int(entry.at),
            "from": user_object(sender, chat.name),
            "chat": chat_object(chat.id, chat.name),
            "text": text,
        }
        if thread:
            chat.threads.add(thread)
            message |= {"message_thread_id": int(thread), "is_topic_message": True}
        if text.startswith("/"):
            command = text.split(maxsplit=1)[0]
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(command)}]
        chat.add(entry)
        update_id = bot.next_update_id()
        return entry.id, update_id, self._bots[kind].deliver(bot, chat, {"update_id": update_id, "message": message})

    async def _press_on_bot(self, kind: str, bot: Bot, chat: Chat, sender: str, data: str, *, wait: bool) -> Written:
        callback_id = str(secrets.randbits(62))
        bot.callbacks.append(callback_id)
        asked = next((entry for entry in reversed(chat.entries) if entry.role == "business"), None)
        query: dict[str, Any] = {
            "id": callback_id,
            "from": user_object(sender, chat.name),
            "chat_instance": str(secrets.randbits(40)),
            "data": data,
        }
        if asked:
            query["message"] = {
                "message_id": int(asked.id),
                "date": int(asked.at),
                "chat": chat_object(chat.id, chat.name),
                "from": bot.user,
                "text": asked.text,
                **({"reply_markup": asked.markup} if asked.markup else {}),
            }
        update_id = bot.next_update_id()
        # A callback doesn't wait for the chat's texts: Telegram queues it with the user's others.
        task = self._bots[kind].deliver(bot, chat, {"update_id": update_id, "callback_query": query}, in_line=False)
        return Written(callback_id, update_id, await task if task and wait else None)

    def _write_to_number(
        self, number: Number, chat: Chat, text: str, user_id: str | None
    ) -> tuple[str, asyncio.Task[Delivery]]:
        entry = Entry(_wamid(), "customer", text, self._now())
        chat.user_id = chat.id if "." in chat.id else user_id or chat.user_id or _user_id(chat.id)
        number.by_user_id[chat.user_id] = chat.id
        number.remember(entry.id, chat.id)
        value = self._inbound(number, chat, entry.id, {"type": "text", "text": {"body": text}})
        chat.add(entry)
        return entry.id, self._whatsapp.deliver(number, value)

    def _inbound(self, number: Number, chat: Chat, wamid: str, content: dict[str, Any]) -> dict[str, Any]:
        wa_id, user_id = _ids(chat)
        profile = {"name": chat.name or "مشتری"} if wa_id else {"username": chat.name or "customer"}
        contact: dict[str, Any] = {"profile": profile, "user_id": user_id}
        message: dict[str, Any] = {"from_user_id": user_id, "id": wamid, "timestamp": str(int(self._now())), **content}
        if wa_id:
            contact["wa_id"] = message["from"] = wa_id
        return {"contacts": [contact], "messages": [message]}

    def _write_to_profile(self, profile: Profile, chat: Chat, text: str) -> tuple[str, asyncio.Task[Delivery]]:
        entry = Entry(_mid(), "customer", text, self._now())
        chat.add(entry)
        item = self._instagram.item(profile, chat, from_customer=True, message={"mid": entry.id, "text": text})
        return entry.id, self._instagram.deliver(profile, item)


def _unread(chat: Chat) -> list[Entry]:
    """What the business sent and waits on the screen. Who blocked it, or whose phone is off, reads nothing."""
    if chat.blocked or chat.away:
        return []
    return [
        entry
        for entry in chat.entries
        if entry.role == "business" and entry.arrival == "here" and entry.status in {"sent", "delivered"}
    ]


def _ids(chat: Chat) -> tuple[str | None, str]:
    """WhatsApp's number of the customer, None where it is hidden, and the business-scoped user id."""
    if "." in chat.id:
        return None, chat.id
    return chat.id, chat.user_id or _user_id(chat.id)


def _user_id(number: str) -> str:
    """A business-scoped user id that always follows from the number."""
    country = next((code for prefix, code in COUNTRIES.items() if number.startswith(prefix)), "XX")
    return f"{country}.{int.from_bytes(hashlib.sha256(number.encode()).digest()[:8])}"


def _wamid() -> str:
    return f"wamid.{secrets.token_urlsafe(24)}"


def _mid() -> str:
    return f"aWdfZA{secrets.token_urlsafe(24)}"
