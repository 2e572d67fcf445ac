"""Kinds of values that several collections take."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def _storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("holds a character that can't be stored")
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("is no e-mail address")
    return text.lower()


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)]
MaybeName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(_storable)]
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=320), AfterValidator(_storable), AfterValidator(_email)
]
NewPassword = Annotated[str, Field(min_length=8, max_length=1024, json_schema_extra={"format": "password"})]
"""Long is what makes one good; we ask for nothing else."""
SaidText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(_storable)
]
Secret = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1024, pattern=r"^[\x21-\x7e]+$"),
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
Switch = Annotated[bool, Field(strict=True)]
"""True or false: a 0, or a word that means no, is neither."""
ProviderId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_-]{1,100}$")]
