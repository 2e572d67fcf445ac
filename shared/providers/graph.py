"""What WhatsApp and Instagram share: Meta's Graph API, its webhook signature and handshake, its errors.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import httpx
from pydantic import SecretStr

from shared.errors import Forged, Unreadable
from shared.providers import bodies, calling
from shared.providers.bodies import Json, as_object, inner, words
from shared.providers.incoming import Incoming, ProviderEvent
from shared.providers.outgoing import Ambiguous, Verdict

VERSION = "v26.0"
SIGNATURE_HEADER = "x-hub-signature-256"

Item = Incoming | ProviderEvent


def verify(body: bytes, *, headers: Mapping[str, str], query: Mapping[str, str], secrets: Iterable[str]) -> None:
    """HMAC-SHA256 of the bytes as they came, under one of the app's secrets. Raises Forged.

    *headers*: names in lower case, or a mapping that doesn't care.
    """
    expected = ["sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets if secret]
    if not bodies.proves(headers.get(SIGNATURE_HEADER), expected):
        raise Forged("wrong or missing signature")


def handshake(query: Mapping[str, str], verify_token: str) -> str:
    """The challenge to answer, as text/plain, to Meta's GET. Raises Forged."""
    challenge = query.get("hub.challenge")
    if (
        query.get("hub.mode") != "subscribe"
        or not bodies.proves(query.get("hub.verify_token"), [verify_token])
        or not challenge
    ):
        raise Forged("wrong or missing verify token")
    return challenge


def entries(body: bytes, kind: str) -> list[object]:
    """The entries of a webhook about *kind*. Raises Unreadable where the body is no such webhook."""
    envelope = bodies.read_object(body)
    if envelope.get("object") != kind or not isinstance(envelope.get("entry"), list) or not envelope["entry"]:
        raise Unreadable(f"not a webhook of {kind}")
    return list(envelope["entry"])


def each_of(found: Iterable[object], read: Callable[[Json], Iterable[Item]]) -> Iterator[Item]:
    """What each of *found* holds; one that is no object becomes an event."""
    for one in found:
        if isinstance(one, dict):
            yield from read(one)
        else:
            yield bodies.unreadable(one, Unreadable("not an object"))


def each(found: Iterable[object], read: Callable[[Json], Item], account: str | None) -> Iterator[Item]:
    """Each of *found*, read; one that can't be read becomes an event and spoils nothing beside it."""
    for one in found:
        try:
            yield read(as_object(one))
        except Unreadable as problem:
            yield bodies.unreadable(one, problem, account=account)


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of an error table: the first whose code (and subcode, where one is given) fits decides."""

    codes: Sequence[int]
    verdict: Verdict
    subcode: int | None = None
    wait_seconds: float | None = None


def judge(rules: Sequence[Rule], code: int | None, subcode: int | None) -> Rule | None:
    """Meta says: decide on the code, not on HTTP status or titles."""
    fits = (rule for rule in rules if code in rule.codes and rule.subcode in (None, subcode))
    return next(fits, None)


class GraphCalls:
    """Posts to one node of the Graph API and translates its refusals by the provider's table."""

    def __init__(self, client: httpx.AsyncClient, url: str, token: SecretStr, rules: Sequence[Rule]) -> None:
        self._client = client
        self._url = url
        self._token = token
        self._rules = rules

    async def post(self, body: Json) -> Json:
        """The answer's object. Raises NotSent."""
        token = self._token.get_secret_value()
        answer = await calling.post(self._client, self._url, body=body, token=token)
        error = answer.body.get("error") if answer.body else None
        if answer.status < 300 and not isinstance(error, dict):
            if answer.body is None:
                raise Ambiguous("the answer can't be read")
            return answer.body
        verdict, wait = self._verdict(answer.status, error if isinstance(error, dict) else {})
        reason = calling.scrubbed(_reason(answer.status, error if isinstance(error, dict) else {}), token)
        raise verdict.error(reason, wait if answer.retry_after is None else answer.retry_after)

    def _verdict(self, status: int, error: Json) -> tuple[Verdict, float | None]:
        rule = judge(self._rules, number(error.get("code")), number(error.get("error_subcode")))
        if rule is not None:
            return rule.verdict, rule.wait_seconds
        if error.get("is_transient") is True:
            return Verdict.LATER, None
        return by_status(status), None


def by_status(status: int) -> Verdict:
    """For an answer whose code, if it has one, stands in no table."""
    match status:
        case 429:
            return Verdict.LATER_CHANNEL
        case 401:
            return Verdict.CHANNEL_REFUSED
        case 504:  # a gateway that had passed it on
            return Verdict.AMBIGUOUS
        case 502:
            return Verdict.LATER_PERHAPS_TAKEN
        case _ if status >= 500:
            return Verdict.LATER
        case _ if status < 400:  # no Graph API redirects: something stands between us
            return Verdict.LATER_CHANNEL
        case _:
            return Verdict.REFUSED


def describe(error: Json) -> str:
    """A sentence from an error of a status webhook or an answer: code, title, details."""
    details = words(inner(error, "error_data"), "details")
    title = words(error, "message", "title")
    code = ".".join(str(error[name]) for name in ("code", "error_subcode") if number(error.get(name)) is not None)
    return ": ".join(part for part in (code, title, details if details != title else "") if part)


def _reason(status: int, error: Json) -> str:
    return describe(error) or f"HTTP {status}"


def number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
