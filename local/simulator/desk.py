"""The simulator's own HTTP API under `/sim`: the phone for `/demo`, and the log, scripts and accounts for tests.

    GET  /sim/accounts                              public parts only
    GET  /sim/{account}/chats/{chat}                what the customer's phone shows, and what passed on the wire
    POST /sim/{account}/chats/{chat}/messages       {text, name?} → 202 {id}
    POST /sim/{account}/chats/{chat}/press          {data, title?}: the customer taps a button → 202 {id}
    POST /sim/{account}/chats/{chat}/read           the customer looks at the chat → 204
    POST /sim/{account}/chats/{chat}/state          {blocked?, away?}: blocks the business; switches the phone off → 204
    POST /sim/{account}/chats/{chat}/business       {text}: a person answers in the provider's own app → 202 {id}
    GET  /sim/{account}/chats/{chat}/events         SSE: chat, message, edit, mark, typing, draft, state, exchange
    GET  /sim/sent?since=&kind=&account=&chat=      what the fakes accepted
    GET  /sim/calls?since=&kind=&account=           every call of a provider's API, and the script's step it met
    GET  /sim/warnings                              parameters that a provider ignores
    POST /sim/scripts, DELETE /sim/scripts          misbehave (local/simulator/scripts.py says how); behave again
    POST /sim/accounts                              one more account

What is about one chat is for a browser; the rest belongs to whoever owns the machine.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local.simulator.accounts import Account
from local.simulator.ledger import Chat, UnknownAccount
from local.simulator.scripts import Step

if TYPE_CHECKING:
    from local.simulator.app import Simulator

KEEP_ALIVE_SECONDS = 15.0
PAGE = 1_000
BODY_BYTES = 64 * 1024
CHAT_IDS = {
    "telegram": re.compile(r"-?[1-9]\d{0,17}"),
    "bale": re.compile(r"-?[1-9]\d{0,17}"),
    "whatsapp": re.compile(r"\d{7,15}|[A-Z]{2}\.[A-Za-z0-9]{1,128}"),
    "instagram": re.compile(r"\d{1,20}"),
}


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewMessage(_Body):
    text: Annotated[str, Field(min_length=1, max_length=4096)]
    name: Annotated[str, Field(max_length=64)] = ""


class Press(_Body):
    data: Annotated[str, Field(min_length=1, max_length=256)]
    title: Annotated[str, Field(max_length=256)] = ""


class State(_Body):
    blocked: bool | None = None
    away: bool | None = None


class ByHand(_Body):
    text: Annotated[str, Field(min_length=1, max_length=1000)]


class NewScript(_Body):
    account: str
    """An account's key, or `model`."""
    chat: str | None = None
    """The chat, or for the model server the model's name."""
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    script: Step


_account: TypeAdapter[Account] = TypeAdapter(Account)
Handler = Callable[[Request], Awaitable[Response]]


class _TooLong(Exception):
    """A body that no phone sends."""


def _telling(handler: Handler) -> Handler:
    """Words what can be wrong with a request to us. Never repeats what was sent: it may be a secret."""

    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except UnknownAccount:
            return JSONResponse({"detail": "unknown account or chat"}, 404)
        except _TooLong:
            return JSONResponse({"detail": "the body is too long"}, 413)
        except ValidationError as problem:
            return JSONResponse({"detail": problem.errors(include_input=False, include_context=False)}, 422)

    return told


class Desk:
    """The routes over one simulator."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def phone_routes(self) -> list[Route]:
        """What a browser on `/demo` may call."""
        chat = "/sim/{account}/chats/{chat}"
        return [
            Route("/sim/accounts", _telling(self._accounts), methods=["GET"]),
            Route(chat, _telling(self._chat), methods=["GET"]),
            Route(f"{chat}/messages", _telling(self._write), methods=["POST"]),
            Route(f"{chat}/press", _telling(self._press), methods=["POST"]),
            Route(f"{chat}/read", _telling(self._read), methods=["POST"]),
            Route(f"{chat}/state", _telling(self._turn), methods=["POST"]),
            Route(f"{chat}/business", _telling(self._business), methods=["POST"]),
            Route(f"{chat}/events", _telling(self._events), methods=["GET"]),
        ]

    def owner_routes(self) -> list[Route]:
        """What only tests and the machine's owner may call."""
        return [
            Route("/sim/accounts", _telling(self._add_account), methods=["POST"]),
            Route("/sim/sent", _telling(self._sent), methods=["GET"]),
            Route("/sim/calls", _telling(self._calls), methods=["GET"]),
            Route("/sim/warnings", _telling(self._warnings), methods=["GET"]),
            Route("/sim/scripts", _telling(self._script), methods=["POST"]),
            Route("/sim/scripts", _telling(self._clear_scripts), methods=["DELETE"]),
        ]

    async def _accounts(self, request: Request) -> Response:
        return JSONResponse([asdict(account) for account in self._simulator.public_accounts()])

    async def _chat(self, request: Request) -> Response:
        return JSONResponse(self._named(request, new=False).view(self._simulator.now()))

    async def _write(self, request: Request) -> Response:
        message = NewMessage.model_validate_json(await _body(request))
        who = self._phone(request)
        written = await self._simulator.phone.write(*who, message.text, name=message.name, wait=False)
        return JSONResponse({"id": written.id}, 202)

    async def _press(self, request: Request) -> Response:
        press = Press.model_validate_json(await _body(request))
        written = await self._simulator.phone.press(*self._phone(request), press.data, press.title, wait=False)
        return JSONResponse({"id": written.id}, 202)

    async def _read(self, request: Request) -> Response:
        await self._simulator.phone.read(*self._phone(request), wait=False)
        return Response(status_code=204)

    async def _turn(self, request: Request) -> Response:
        state = State.model_validate_json(await _body(request))
        who = self._phone(request)
        if state.blocked is not None:
            await self._simulator.phone.block(*who, blocked=state.blocked, wait=False)
        if state.away is not None:
            await self._simulator.phone.switch(*who, on=not state.away, wait=False)
        return Response(status_code=204)

    async def _business(self, request: Request) -> Response:
        said = ByHand.model_validate_json(await _body(request))
        written = await self._simulator.phone.business_writes(*self._phone(request), said.text, wait=False)
        return JSONResponse({"id": written.id}, 202)

    async def _events(self, request: Request) -> Response:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return StreamingResponse(self._changes(self._named(request)), media_type="text/event-stream", headers=headers)

    async def _changes(self, chat: Chat) -> AsyncIterator[str]:
        with chat.watch() as watcher:
            yield _sse("chat", chat.view(self._simulator.now()))
            closing = asyncio.ensure_future(self._simulator.closing.wait())
            try:
                while not closing.done():
                    change = asyncio.ensure_future(watcher.get())
                    await asyncio.wait({change, closing}, timeout=KEEP_ALIVE_SECONDS, return_when="FIRST_COMPLETED")
                    if change.done():
                        yield _sse(*self._told(*change.result()))
                    else:
                        change.cancel()
                        yield ": still here\n\n"
            finally:
                closing.cancel()

    def _told(self, event: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if event == "typing":  # the page's clock may be another
            data = {**data, "seconds": max(0.0, data["until"] - self._simulator.now())}
        return event, data

    async def _sent(self, request: Request) -> Response:
        query = request.query_params
        since = query.get("since", "0")
        items = self._simulator.ledger.sent(
            int(since) if since.isdigit() else 0,
            kind=query.get("kind"),
            account=query.get("account"),
            chat=query.get("chat"),
            limit=PAGE,
        )
        return JSONResponse([asdict(item) for item in items])

    async def _calls(self, request: Request) -> Response:
        query = request.query_params
        since = query.get("since", "0")
        calls = self._simulator.calls.listed(
            int(since) if since.isdigit() else 0, kind=query.get("kind"), account=query.get("account"), limit=PAGE
        )
        return JSONResponse([asdict(call) for call in calls])

    async def _warnings(self, request: Request) -> Response:
        return JSONResponse(list(self._simulator.ledger.warnings))

    async def _script(self, request: Request) -> Response:
        new = NewScript.model_validate_json(await _body(request))
        self._simulator.script(new.account, new.script, chat=new.chat, times=new.times)
        return Response(status_code=204)

    async def _clear_scripts(self, request: Request) -> Response:
        self._simulator.scripts.clear()
        return Response(status_code=204)

    async def _add_account(self, request: Request) -> Response:
        account = _account.validate_json(await _body(request))
        return JSONResponse(asdict(self._simulator.add(account)), 201)

    def _phone(self, request: Request) -> tuple[str, str, str]:
        """Kind, account and customer of the path. Raises UnknownAccount."""
        chat = self._named(request)
        return chat.account.partition("-")[0], chat.account, chat.id

    def _named(self, request: Request, *, new: bool = True) -> Chat:
        """The chat of the path; with *new* it is kept from now on. Raises UnknownAccount."""
        account, id = request.path_params["account"], request.path_params["chat"]
        kind = account.partition("-")[0]
        self._simulator.phone.party(kind, account)
        if not CHAT_IDS[kind].fullmatch(id):
            raise UnknownAccount(id)
        ledger = self._simulator.ledger
        return ledger.open_phone(account, id) if new else ledger.chat(account, id) or Chat(account, id, "")


async def _body(request: Request) -> bytes:
    """The body. Raises _TooLong."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES:
            raise _TooLong
    return bytes(body)


def _sse(event: str, data: dict[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
