"""What of a message is asked: its question, without the reference or courtesy that stands around it.

«ساعت کاری شما چیست؟ ۸۳۴۱۲» asks for opening hours; a word that no document knows would otherwise count against every
answer. Only what is looked up and quoted by is cut; a model reads the whole message.
"""

import re

_TAIL = re.compile(r"(?<=[؟?])\s*((?:[^\s؟?]+\s*){1,3})$")
_LABEL = re.compile(r"^\s*(?:[^\s:؟?]+\s+){0,2}[^\s:؟?]*\d[^\s:؟?]*\s*:\s*(?=\S+\s+\S+)")
_BRACKETS = re.compile(r"\s*[\[(][^\])\n]{1,20}\d[^\])\n]{0,20}[\])]")


def asked_for(message: str) -> str:
    """*message*, each line without a few words behind its question mark, a numbered label before it, and references in
    brackets. Never empty where *message* isn't."""
    return "\n".join(_line(line) for line in message.splitlines()) or message


def _line(line: str) -> str:
    bare = _BRACKETS.sub("", line)
    bare = _LABEL.sub("", _TAIL.sub("", bare))
    return bare if len(bare.split()) >= 2 else line
