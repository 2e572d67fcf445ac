"""Two Bot API clients that we did not write, under one set of words: their methods are alike, their types differ."""

import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import aiogram
import httpx
import telegram
from aiogram import exceptions as aiogram_errors
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    ReplyParameters,
)
from aiogram.types import Update as AiogramUpdate
from telegram import error as telegram_errors
from telegram.request import HTTPXRequest, RequestData

LOOPBACK: dict[str, Any] = {"trust_env": False, "verify": False}
"""Plain HTTP on this machine: certificates take long to load."""


class Opens(Protocol):
    """Makes a client for the Bot API at *url*."""

    def __call__(self, url: str, token: str) -> Any: ...


@dataclass(frozen=True)
class Library:
    """One of them. *errors*: its exception for a kind of refusal."""

    name: str
    opens: Opens
    errors: Mapping[str, type[Exception]]
    keyboard: Callable[[str, str], Any]
    reply: Callable[..., Any]
    file: Callable[[bytes], Any]
    markup_of: Callable[[Any], str]
    """A message's text as HTML again."""
    retry_seconds: Callable[[Any], float]


class EncodedRequest(HTTPXRequest):
    """python-telegram-bot's parameters, sent in another way that the Bot API allows."""

    def __init__(self, encoding: str) -> None:
        super().__init__(httpx_kwargs=LOOPBACK)
        self._encoding = encoding

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, **_: Any
    ) -> tuple[int, bytes]:
        """One call."""
        data = request_data or RequestData()
        async with httpx.AsyncClient(**LOOPBACK) as client:
            match self._encoding:
                case "json":
                    headers = {"content-type": "application/json"}
                    answer = await client.request(method, url, content=data.json_payload, headers=headers)
                case "multipart":
                    parts = {name: (None, value) for name, value in data.json_parameters.items()}
                    answer = await client.request(method, url, files=parts or None)
                case _:
                    answer = await client.request("GET", data.parametrized_url(url))
        return answer.status_code, answer.content


@asynccontextmanager
async def telegram_bot(
    url: str, token: str, request: Callable[[], HTTPXRequest] | None = None
) -> AsyncIterator[telegram.Bot]:
    """python-telegram-bot; it asks getMe when it opens."""
    make = request or (lambda: HTTPXRequest(httpx_kwargs=LOOPBACK))
    places = {"base_url": f"{url}/bot", "base_file_url": f"{url}/file/bot"}
    async with telegram.Bot(token, **places, request=make(), get_updates_request=make()) as bot:
        yield bot


class _Session(AiohttpSession):
    """aiogram's own, which closes without the pause that TLS connections get."""

    async def close(self) -> None:
        """At once."""
        if self._session is not None:
            await self._session.close()


@asynccontextmanager
async def aiogram_bot(url: str, token: str) -> AsyncIterator[aiogram.Bot]:
    """aiogram."""
    async with aiogram.Bot(token, session=_Session(api=TelegramAPIServer.from_base(url))).context() as bot:
        yield bot


PYTHON_TELEGRAM_BOT = Library(
    name="python-telegram-bot",
    opens=telegram_bot,
    errors={
        "token": telegram_errors.InvalidToken,
        "bad request": telegram_errors.BadRequest,
        "forbidden": telegram_errors.Forbidden,
        "too many": telegram_errors.RetryAfter,
        "not found": telegram_errors.InvalidToken,  # its word for a 404 as well
        "server": telegram_errors.NetworkError,
        "network": telegram_errors.NetworkError,
        "unreadable": telegram_errors.TelegramError,
    },
    keyboard=lambda text, data: telegram.InlineKeyboardMarkup.from_button(
        telegram.InlineKeyboardButton(text, callback_data=data)
    ),
    reply=telegram.ReplyParameters,
    file=io.BytesIO,
    markup_of=lambda message: str(message.text_html_urled),
    retry_seconds=lambda problem: float(problem._retry_after.total_seconds()),
)
AIOGRAM = Library(
    name="aiogram",
    opens=aiogram_bot,
    errors={
        "token": aiogram_errors.TelegramUnauthorizedError,
        "bad request": aiogram_errors.TelegramBadRequest,
        "forbidden": aiogram_errors.TelegramForbiddenError,
        "too many": aiogram_errors.TelegramRetryAfter,
        "not found": aiogram_errors.TelegramNotFound,
        "server": aiogram_errors.TelegramServerError,
        "network": aiogram_errors.TelegramNetworkError,
        "unreadable": aiogram_errors.ClientDecodeError,
    },
    keyboard=lambda text, data: InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text=text, callback_data=data)]]
    ),
    reply=ReplyParameters,
    file=lambda content: BufferedInputFile(content, "certificate.pem"),
    markup_of=lambda message: str(message.html_text),
    retry_seconds=lambda problem: float(problem.retry_after),
)
LIBRARIES = (PYTHON_TELEGRAM_BOT, AIOGRAM)


def strange_fields(update: Mapping[str, Any]) -> list[str]:
    """What neither library knows in *update*. Raises what they raise for a field that is missing or of a wrong type."""
    read_by_telegram = telegram.Update.de_json(dict(update), None)
    read_by_aiogram = AiogramUpdate.model_validate(update)
    return [*_unread_by_telegram(read_by_telegram), *_unread_by_aiogram(read_by_aiogram)]


def _unread_by_telegram(thing: object) -> list[str]:
    """python-telegram-bot keeps a field that it doesn't know in `api_kwargs`."""
    if isinstance(thing, list | tuple):
        return [name for one in thing for name in _unread_by_telegram(one)]
    if not isinstance(thing, telegram.TelegramObject):
        return []
    inner = [getattr(thing, name, None) for name in thing.to_dict(recursive=False)]
    inner += [getattr(thing, "from_user", None)]
    return [f"{type(thing).__name__}.{name}" for name in thing.api_kwargs] + _unread_by_telegram(inner)


def _unread_by_aiogram(thing: object) -> list[str]:
    """aiogram keeps it as pydantic's extra."""
    if isinstance(thing, list | tuple):
        return [name for one in thing for name in _unread_by_aiogram(one)]
    if not isinstance(thing, aiogram.types.TelegramObject):
        return []
    found = [f"{type(thing).__name__}.{name}" for name in thing.model_extra or {}]
    return found + _unread_by_aiogram([value for _, value in thing])
