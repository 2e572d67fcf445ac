"""What of a message is asked: its question, without the reference or courtesy that stands around it.

«ساعت کاری شما چیست؟ ۸۳۴۱۲» asks for opening hours; a word that no document knows would otherwise count against every
answer. Only what is looked up and quoted by is cut; a model reads the whole message.
"""

import re

_BRACKETS = re.compile(r"[\[(][^\])\n]{1,20}\d[^\])\n]{0,20}[\])]")
_TAIL_WORDS = 3
_LABEL_CHARACTERS = 30


def asked_for(message: str) -> str:
    """*message*, each line without a few words behind its question mark, a numbered label before it, and references in
    brackets. Never empty where *message* isn't. The work grows with the length, whatever is written."""
    return "\n".join(_line(line) for line in message.splitlines()) or message


def _line(line: str) -> str:
    bare = _without_label(_without_tail(_BRACKETS.sub("", line).rstrip()))
    return bare if len(bare.split()) >= 2 else line


def _without_tail(line: str) -> str:
    end = max(line.rfind("؟"), line.rfind("?")) + 1
    return line[:end] if end and len(line[end:].split()) <= _TAIL_WORDS else line


def _without_label(line: str) -> str:
    label, colon, rest = line[:_LABEL_CHARACTERS].partition(":")
    numbered = any(letter.isdigit() for letter in label) and len(label.split()) <= _TAIL_WORDS
    return line[len(label) + 1 :].lstrip() if colon and numbered and rest else line
