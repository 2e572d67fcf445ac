"""How the Bot API server reads and judges what a bot sends: parameters from anywhere, text, markup, webhook URLs."""

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import UploadFile
from starlette.requests import Request

from local.simulator.telegram_html import Unparseable, parse, utf16_length

TEXT_LIMIT = 4096  # UTF-16 units, after the markup is parsed
TEXT_BYTES = 1 << 15  # before
CALLBACK_BYTES = 64
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
WEBHOOK_PORTS = {443, 80, 88, 8443}

Args = dict[str, Any]
Entities = list[dict[str, Any]]


class BotRefusal(Exception):
    """An answer with `ok: false`."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


def _bad_request(why: str) -> BotRefusal:
    return BotRefusal(400, f"Bad Request: {why}")


async def arguments(request: Request) -> Args:
    """The request's parameters, wherever the client put them: query, form or JSON. Raises BotRefusal."""
    found: Args = dict(parse_qsl(request.url.query, keep_blank_values=True)) if request.url.query else {}
    body = await request.body()
    if not body:
        return found
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            parsed = json.loads(body)
            if not isinstance(parsed, dict):
                raise _bad_request("can't parse JSON object")
            found.update(parsed)
        elif kind == "multipart/form-data":
            async with request.form() as form:
                found.update(_uploaded(form.items()))
        else:
            found.update(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as problem:
        raise _bad_request("can't parse JSON object") from problem
    return found


def _uploaded(fields: Iterable[tuple[str, UploadFile | str]]) -> Args:
    """A form's fields. A file is known by its reference alone: a field that names its part, or the part's own name."""
    form = dict(fields)
    texts: Args = {name: value for name, value in form.items() if isinstance(value, str)}
    files = {name: f"attach://{name}" for name in form.keys() - texts.keys()}
    return texts | {name: reference for name, reference in files.items() if reference not in texts.values()}


def as_json(value: Any, what: str) -> Any:
    """A parameter that is an object: real in a JSON body, text in a form. Raises BotRefusal."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as problem:
        raise _bad_request(f"can't parse {what} JSON object") from problem


def truth(value: Any) -> bool:
    return str(value).lower() in {"true", "yes", "1"}


def whole(value: Any, default: int) -> int:
    """An integer parameter; the server reads nonsense as its default."""
    text = str(value)
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else default


def read_text(args: Args, *, reads_parse_mode: bool, optional: bool = False) -> tuple[str, Entities]:
    """The text as it will be shown, and its entities. Raises BotRefusal."""
    text = args.get("text", "")
    if not isinstance(text, str):
        text = json.dumps(text, ensure_ascii=False)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as problem:
        raise _bad_request("strings must be encoded in UTF-8") from problem
    if not size and not optional:
        raise _bad_request("message text is empty")
    if size > TEXT_BYTES:
        raise _bad_request("text is too long")
    text, entities = _parsed(text, args, reads_parse_mode)
    if not text.strip() and not optional:
        raise _bad_request("text must be non-empty")
    if utf16_length(text) > TEXT_LIMIT:
        raise _bad_request("message is too long")
    return (text.rstrip() if entities else text.strip()), entities


def _parsed(text: str, args: Args, reads_parse_mode: bool) -> tuple[str, Entities]:
    mode = str(args.get("parse_mode") or "").lower()
    if not reads_parse_mode or mode in {"", "none"}:
        given = as_json(args.get("entities") or [], "entities")
        return text, given if isinstance(given, list) else []
    if mode == "html":
        try:
            return parse(text)
        except Unparseable as problem:
            raise _bad_request(f"can't parse entities: {problem}") from problem
    if mode in {"markdown", "markdownv2"}:
        return text, []  # taken as it is: nothing of ours sends it
    raise _bad_request("unsupported parse_mode")


def read_markup(args: Args) -> Any:
    """The keyboard, if any. Raises BotRefusal."""
    markup = as_json(args.get("reply_markup") or None, "reply keyboard markup")
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise _bad_request("object expected as reply markup")
    for row in markup.get("inline_keyboard", []):
        for button in row:
            if not button.get("text"):
                raise _bad_request("inline keyboard button text must be non-empty")
            if "callback_data" in button and not 0 < len(str(button["callback_data"]).encode()) <= CALLBACK_BYTES:
                raise _bad_request("BUTTON_DATA_INVALID")
    return markup


def check_webhook_url(url: str, *, any_url: bool) -> None:
    """HTTPS on Telegram's ports, or loopback, or whatever *any_url* lets through. Raises BotRefusal."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _bad_request("invalid webhook URL specified") from problem
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _bad_request("invalid webhook URL specified")
    if any_url or parts.hostname in LOOPBACK:
        return
    if parts.scheme != "https":
        raise _bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if (port or 443) not in WEBHOOK_PORTS:
        raise _bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def check_secret_token(secret: str) -> None:
    """Raises BotRefusal."""
    if len(secret) > 256:
        raise _bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise _bad_request("secret token contains unallowed characters")
