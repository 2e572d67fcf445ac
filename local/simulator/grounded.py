"""A model that keeps to its prompt: it repeats the passage sentence that fits the question best, with its marker.

It knows nothing and reasons about nothing; it is as good a reader as counting shared words makes it, and deterministic.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

DIMENSIONS = 64
STEM = 5  # letters that two words share to count as the same: plurals and suffixes fall away
_FOLD = str.maketrans("يىكۀةأإؤ" + "۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩", "ییکهه" + "ااو" + "01234567890123456789")
_MARKER = re.compile(r"^\s*\[(\d{1,3})\][:.)]?\s*", re.MULTILINE)
_TAG = re.compile(r"<(passage|document|source|chunk|context)\b([^>]*)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"\b(?:id|n|index|number|no)\s*=\s*[\"']?(\d{1,3})[\"']?")
_SENTENCE = re.compile(r"[^.!?؟\n]*(?:[.!?؟](?=\s|$)|(?:[.!?؟](?!\s|$)[^.!?؟\n]*)+[.!?؟]?|\n|$)")
_PERSIAN = re.compile(r"[\u0600-\u06ff]")
_STOP = frozenset(
    [
        "و",
        "در",
        "به",
        "از",
        "که",
        "این",
        "آن",
        "را",
        "با",
        "برای",
        "است",
        "هست",
        "چه",
        "چیست",
        "چند",
        "کی",
        "کجا",
        "کجاست",
        "آیا",
        "شما",
        "من",
        "ما",
        "هم",
        "یا",
        "تا",
        "می",
        "شود",
        "های",
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "is",
        "are",
        "and",
        "or",
        "for",
        "on",
        "at",
        "what",
        "when",
        "where",
        "how",
        "who",
        "do",
        "does",
        "you",
        "your",
        "i",
        "we",
        "my",
        "it",
        "can",
    ]
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of the prompt's context. `marker` is how the prompt numbered it, or empty."""

    text: str
    marker: str = ""


def words(text: str) -> list[str]:
    """The terms of a text, folded, stopped and cut to their stems."""
    folded = text.lower().translate(_FOLD).replace("\u200c", " ")
    return [word[:STEM] for word in re.findall(r"\w+", folded) if word not in _STOP and len(word) > 1]


def is_persian(text: str) -> bool:
    return bool(_PERSIAN.search(text))


def split_prompt(messages: Sequence[tuple[str, str]]) -> tuple[str, list[Passage]]:
    """The question and the passages of a prompt of (role, text) messages."""
    passages: list[Passage] = []
    question = ""
    for role, text in messages:
        found, rest = _passages(text)
        if role != "assistant":
            passages += found
        if role == "user":
            question = rest.strip() or question
    return question, passages


def answer(question: str, passages: Sequence[Passage]) -> str:
    """One polite sentence that holds the best sentence of the passages, or an admission."""
    best = _best(question, passages)
    if best is None:
        if is_persian(question):
            return "متأسفم، در اطلاعاتی که دارم پاسخی برای این پرسش نیست."
        return "I'm sorry, the information I have does not answer that."
    sentence, marker = best
    opening = "بله، " if is_persian(sentence) else "Gladly: "
    cited = f" [{marker}]" if marker else ""
    return f"{opening}{sentence.rstrip('.!؟? ')}{cited}."


def embed(text: str) -> list[float]:
    """A hashed bag of words, of length one."""
    vector = [0.0] * DIMENSIONS
    for word, count in Counter(words(text) or [text]).items():
        digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=4).digest()
        sign = 1.0 if digest[0] & 1 else -1.0
        vector[int.from_bytes(digest[1:]) % DIMENSIONS] += sign * math.sqrt(count)
    norm = math.sqrt(sum(value * value for value in vector))
    if not norm:
        return [1.0] + [0.0] * (DIMENSIONS - 1)
    return [value / norm for value in vector]


def _passages(text: str) -> tuple[list[Passage], str]:
    """Passages in tags or behind `[n]` at a line's start, and the text without them."""
    passages = []
    for found in _TAG.finditer(text):
        number = _NUMBER.search(found.group(2))
        inner, rest = _numbered(found.group(3))
        passages += inner or [Passage(rest.strip(), number.group(1) if number else "")]
    inner, rest = _numbered(_TAG.sub("\n\n", text))
    return passages + inner, rest


def _numbered(text: str) -> tuple[list[Passage], str]:
    """Each `[n]` begins a passage that ends at the next one or at an empty line."""
    passages, rest, end = [], [], 0
    markers = list(_MARKER.finditer(text))
    for place, marker in enumerate(markers):
        limit = markers[place + 1].start() if place + 1 < len(markers) else len(text)
        empty = re.compile(r"\n\s*\n").search(text, marker.end(), limit)
        rest.append(text[end : marker.start()])
        end = empty.start() if empty else limit
        passages.append(Passage(text[marker.end() : end].strip(), marker.group(1)))
    rest.append(text[end:])
    return [passage for passage in passages if passage.text], "".join(rest)


def _best(question: str, passages: Sequence[Passage]) -> tuple[str, str] | None:
    asked = set(words(question))
    sentences = [
        (sentence, passage.marker, set(words(sentence)))
        for passage in passages
        for sentence in (found.group().strip(" \t\n#*-•>") for found in _SENTENCE.finditer(passage.text))
        if len(sentence) > 3
    ]
    seen = Counter(word for _, _, terms in sentences for word in terms)
    scored = [
        (sum(len(word) * math.log(1 + len(sentences) / seen[word]) for word in asked & terms), -place, sentence, marker)
        for place, (sentence, marker, terms) in enumerate(sentences)
    ]
    score, _, sentence, marker = max(scored, default=(0.0, 0, "", ""))
    return (sentence, marker) if score else None
