"""HTTP requests that no console and no widget sends: their queries, headers, ids and bodies are bent."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.fuzz import hostile, mutating

MEDIA_TYPES = (
    "application/json",
    "application/json; charset=x",
    "text/plain",
    "",
    "multipart/form-data",
    "application/xml",
    "\xff",
)
ODD_BYTES = ("%00", "%ff", "%ed%a0%80", "%", "+", "%2e%2e", "%0d%0a", "%u0041")
SECONDS = 30


@dataclass(frozen=True)
class Asked:
    """One request; the path is written as it goes out."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        """The answer. Header values go out as UTF-8."""
        headers = [(name.encode(), value.encode(errors="replace")) for name, value in self.headers.items()]
        return await client.request(self.method, self.path, headers=headers, content=self.body)


def in_url(value: Any, chance: random.Random) -> str:
    """A hostile value as a part of a path or query."""
    text = value if isinstance(value, str) else json.dumps(value)
    written = quote(text.encode(errors="surrogatepass"), safe="")[:1500]
    return written + chance.choice(ODD_BYTES) if chance.random() < 0.2 else written


def query(known: Mapping[str, tuple[str, ...]], chance: random.Random) -> str:
    """Some of the *known* parameters with values of theirs or hostile ones, some twice, some unknown."""
    names = [*chance.sample(list(known), min(len(known), chance.randrange(3))), *["x"] * (chance.random() < 0.1)]
    pairs = [(name, chance.choice((*known.get(name, ("1",)), in_url(hostile.value(chance), chance)))) for name in names]
    if pairs and chance.random() < 0.1:
        pairs.append(pairs[0])
    return "?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else ""


def body(sample: Any, chance: random.Random) -> bytes:
    """*sample* bent; whole, now and then."""
    whole = json.dumps(sample).encode()
    return whole if chance.random() < 0.1 else mutating.mutated(whole, [], chance)


def one_line(text: str) -> str:
    """As much of *text* as a header can hold."""
    return "".join(
        character
        for character in text
        if character >= " " and character != "\x7f" and not "\ud800" <= character <= "\udfff"
    ).strip()
