"""What the fakes remember: chats with their history, everything accepted from the business, and what looked wrong."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal

HISTORY = 200  # messages kept per chat
EXCHANGES = 80  # requests kept per chat that a phone has open
CHATS = 20_000
SENT = 50_000
WARNINGS = 1_000

Role = Literal["customer", "business"]
Arrival = Literal["here", "waits", "never"]
Watcher = asyncio.Queue[tuple[str, dict[str, Any]]]


class UnknownAccount(LookupError):
    """No account of that kind and id."""


@dataclass(slots=True)
class Entry:
    """One message as the customer's phone shows it."""

    id: str
    role: Role
    text: str
    at: float
    status: str = ""  # a mark: sent, delivered, read, failed; on a customer's message only read
    thread: str | None = None
    edited: bool = False
    markup: Any = None
    arrival: Arrival = "here"  # whether it is on the customer's phone: that one may be off, or the business blocked
    by_hand: bool = False  # a person of the business wrote it in the provider's own app
    reference: str = ""  # WhatsApp's biz_opaque_callback_data

    def shown(self) -> dict[str, Any]:
        """What the phone may show."""
        return {key: value for key, value in asdict(self).items() if key != "reference"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request between the platform and a provider, and its answer. No token, no signature, no secret path."""

    at: float
    ours: bool  # we called the provider; otherwise the provider posted to our webhook
    method: str
    path: str
    body: Any
    status: int | None  # None: no answer came
    answer: Any
    message: str  # the id of the message that it made or speaks of
    ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that a fake accepted from the business. `seq` grows by one."""

    seq: int
    at: float
    kind: str
    account: str
    chat: str
    text: str
    id: str
    method: str
    reference: str = ""
    thread: str | None = None


class Chat:
    """A conversation between one account and one customer (or group)."""

    def __init__(self, account: str, id: str, name: str) -> None:
        self.account = account
        self.id = id
        self.name = name
        self.user_id = ""  # WhatsApp's business-scoped id of the customer
        self.entries: deque[Entry] = deque(maxlen=HISTORY)
        self.threads: set[str] = set()
        self.last_customer_at: float | None = None
        self.typing_until = 0.0
        self.draft = ""
        self.blocked = False
        self.away = False  # the customer's phone is off
        self.exchanges: deque[Exchange] | None = None  # None: nobody has a phone open here, so none are kept
        self.lane = asyncio.Lock()  # Telegram delivers one update at a time per chat
        self._watchers: set[Watcher] = set()

    def find(self, id: str, role: Role) -> Entry | None:
        """The newest kept message with this id."""
        return next((entry for entry in reversed(self.entries) if entry.id == id and entry.role == role), None)

    def add(self, entry: Entry) -> None:
        """Shows *entry*; a message ends what was being typed."""
        self.entries.append(entry)
        if entry.role == "customer":
            self.last_customer_at = entry.at
        else:
            self.typing_until, self.draft = 0.0, ""
        self.tell("message", entry)

    def mark(self, entry: Entry, status: str) -> None:
        entry.status = status
        self.tell("mark", entry)

    def type_until(self, moment: float) -> None:
        self.typing_until = moment
        if self._watchers:
            self._put("typing", {"until": moment})

    def show_draft(self, text: str, until: float) -> None:
        self.draft, self.typing_until = text, until
        if self._watchers:
            self._put("draft", {"text": text})

    def note(self, exchange: Exchange) -> None:
        """Keeps *exchange* where somebody looks on."""
        if self.exchanges is not None:
            self.exchanges.append(exchange)
            self._put("exchange", asdict(exchange))

    def turn(self, *, blocked: bool | None = None, away: bool | None = None) -> None:
        """The customer blocks the business or lets it in, switches the phone off or on."""
        self.blocked = self.blocked if blocked is None else blocked
        self.away = self.away if away is None else away
        self._put("state", {"blocked": self.blocked, "away": self.away})

    def tell(self, event: str, entry: Entry) -> None:
        if self._watchers:
            self._put(event, entry.shown())

    def view(self, now: float) -> dict[str, Any]:
        """The screen of the customer's phone."""
        return {
            "account": self.account,
            "chat": self.id,
            "name": self.name,
            "blocked": self.blocked,
            "away": self.away,
            "typing": self.typing_until > now,
            "typing_seconds": max(0.0, self.typing_until - now),
            "draft": self.draft,
            "messages": [entry.shown() for entry in self.entries],
            "exchanges": [asdict(exchange) for exchange in self.exchanges or ()],
        }

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """A queue of what changes from now on. A watcher that doesn't keep up loses the newest changes."""
        watcher: Watcher = asyncio.Queue(maxsize=1_000)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def _put(self, event: str, data: dict[str, Any]) -> None:
        for watcher in self._watchers:
            if not watcher.full():
                watcher.put_nowait((event, data))


class Ledger:
    """All chats of all accounts, bounded in number and length."""

    def __init__(self, *, any_chat: Callable[[], float] | None = None) -> None:
        """*any_chat*: a clock by which a chat that nobody wrote in counts as just written in."""
        self._any_chat = any_chat
        self.warnings: deque[str] = deque(maxlen=WARNINGS)
        self._sent: deque[Sent] = deque(maxlen=SENT)
        self._seq = 0
        self._chats: OrderedDict[tuple[str, str], Chat] = OrderedDict()
        self.has_phones = False

    def open_phone(self, account: str, id: str) -> Chat:
        """The chat, whose requests are kept from now on: somebody has a phone in the hand and looks on."""
        self.has_phones = True
        chat = self.open_chat(account, id)
        if chat.exchanges is None:
            chat.exchanges = deque(maxlen=EXCHANGES)
        return chat

    def phone(self, account: str, id: str) -> Chat | None:
        """The chat, if somebody has a phone there."""
        chat = self._chats.get((account, id))
        return chat if chat is not None and chat.exchanges is not None else None

    def chat(self, account: str, id: str) -> Chat | None:
        """The chat, if somebody wrote there; with *any_chat* everybody has."""
        if self._any_chat and (account, id) not in self._chats:
            return self.open_chat(account, id)
        return self._chats.get((account, id))

    def open_chat(self, account: str, id: str, name: str = "") -> Chat:
        """The chat, made when new. Beyond the limit the one that was longest without a message goes."""
        chat = self._chats.get((account, id))
        if chat is None:
            chat = self._chats[account, id] = Chat(account, id, name)
            if self._any_chat:
                chat.last_customer_at = self._any_chat()
            if len(self._chats) > CHATS:
                self._forget_one()
        else:
            self._chats.move_to_end((account, id))
            chat.name = name or chat.name
        return chat

    def accept(self, kind: str, chat: Chat, entry: Entry, *, method: str) -> None:
        """The business sent *entry*: it shows on the phone, once that is on, and stands in the log."""
        if chat.away:
            entry.arrival = "waits"
        chat.add(entry)
        self.log(kind, chat, entry, method=method)

    def log(self, kind: str, chat: Chat, entry: Entry, *, method: str) -> None:
        """Writes down that the business did something with *entry*, by *method*."""
        self._seq += 1
        self._sent.append(
            Sent(
                self._seq,
                entry.at,
                kind,
                chat.account,
                chat.id,
                entry.text,
                entry.id,
                method,
                entry.reference,
                entry.thread,
            )
        )

    def sent(
        self,
        since: int = 0,
        *,
        kind: str | None = None,
        account: str | None = None,
        chat: str | None = None,
        limit: int | None = None,
    ) -> list[Sent]:
        """What was accepted after the one numbered *since*, oldest first."""
        if not self._sent:
            return []
        start = max(0, since - self._sent[0].seq + 1)
        fitting = (
            sent
            for sent in islice(self._sent, start, None)
            if (kind is None or sent.kind == kind)
            and (account is None or sent.account == account)
            and (chat is None or sent.chat == chat)
        )
        return list(islice(fitting, limit))

    def warn(self, text: str) -> None:
        """Something that the provider lets pass and a careful client would not send."""
        self.warnings.append(text)

    def _forget_one(self) -> None:
        for key, chat in self._chats.items():
            if not chat.watched:
                del self._chats[key]
                return
