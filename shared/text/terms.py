"""The words of a text as search counts them, and the sparse vector that BM25 is computed with.

A Persian compound is written with a half-space, a space or nothing: «می‌خواهم», «می خواهم», «میخواهم». Its parts and
its joined form are both terms, the verb's prefix and the common suffixes come off, so that the three meet.
Four letters in a row ("grams") are terms too, counting little: they find a word in which a letter is missing.

The vector holds BM25's term-frequency half; the inverse document frequency comes from the index, over a tenant's own
passages.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from shared.text.persian import ZWNJ, search_copy

K1 = 1.2
B = 0.75
AVERAGE_WORDS = 90
AVERAGE_GRAMS = 380
"""Of a passage of 650 characters. They are constants: a vector must not depend on what else is indexed."""
GRAM_WEIGHT = 0.15
"""In a query, against 1 for a word: one dropped letter then costs 0.9 points of recall at 5 instead of 2.2."""
GRAM = 4


@dataclass(frozen=True)
class SparseVector:
    """Term hashes (u32, ascending, distinct) and a weight for each."""

    indices: list[int]
    values: list[float]

    def __bool__(self) -> bool:
        return bool(self.indices)


def content_words(text: str) -> list[str]:
    """The terms that carry meaning, in order, repeated as often as they occur; no grams, no stop words."""
    return [term for word in _words(text) for term in _terms_of(word)]


def passage_vector(text: str) -> SparseVector:
    """How much each term says in a passage: BM25's saturation by frequency and length, without its IDF."""
    words = Counter(content_words(text))
    grams = Counter(_grams(text))
    return _vector({**_saturated(words, AVERAGE_WORDS), **_saturated(grams, AVERAGE_GRAMS)})


def query_vector(text: str) -> SparseVector:
    """Every term of a question once. Empty when the question has only stop words."""
    return _vector({**dict.fromkeys(_grams(text), GRAM_WEIGHT), **dict.fromkeys(content_words(text), 1.0)})


def merged(vector: SparseVector, other: SparseVector, weight: float) -> SparseVector:
    """*vector* and what only *other* has, that at *weight*."""
    extra = {k: v * weight for k, v in zip(other.indices, other.values, strict=True)}
    ordered = sorted((extra | dict(zip(vector.indices, vector.values, strict=True))).items())
    return SparseVector([k for k, _ in ordered], [v for _, v in ordered])


def _saturated(counts: Counter[str], average: int) -> dict[str, float]:
    norm = K1 * (1 - B + B * counts.total() / average)
    return {term: n * (K1 + 1) / (n + norm) for term, n in counts.items()}


def _vector(weights: dict[str, float]) -> SparseVector:
    hashed: dict[int, float] = {}
    for term, weight in weights.items():
        key = zlib.crc32(term.encode())
        hashed[key] = max(weight, hashed.get(key, 0.0))
    ordered = sorted(hashed.items())
    return SparseVector([k for k, _ in ordered], [v for _, v in ordered])


_WORD = re.compile(rf"\w+(?:[{ZWNJ}']\w+)*")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
"""۱٬۲۰۰٬۰۰۰, 1,200,000 and 1200000 are one price."""


def _words(text: str) -> Iterable[str]:
    return _WORD.findall(_GROUPED.sub("", search_copy(text, zwnj=ZWNJ)))


@lru_cache(65536)
def _terms_of(word: str) -> tuple[str, ...]:
    """The distinct terms of one written word; none for a stop word."""
    if word.isascii():
        plain = word.removesuffix("'s").replace("'", "")
        return () if plain in ENGLISH_STOP_WORDS else (_english_stem(plain),)
    parts = word.split(ZWNJ)
    joined = "".join(parts)
    candidates = [joined] if len(parts) == 1 else [joined, *(p for p in parts if len(p) > 1)]
    stems = (persian_stem(c) for c in candidates if c not in PERSIAN_STOP_WORDS)
    return tuple(dict.fromkeys(stem for stem in stems if stem not in PERSIAN_STOP_WORDS))


def _grams(text: str) -> list[str]:
    found: list[str] = []
    for word in _words(text):
        if _terms_of(word):
            padded = f" {word.replace(ZWNJ, '')} "
            found += [f"#{padded[i : i + GRAM]}" for i in range(len(padded) - GRAM + 1)]
    return found


_VERB = re.compile(r"ن?می(\w{2,}(?:م|ی|د|یم|ید|ند|نن|ه|ین))")
_PLURAL = "هایمان هایتان هایشان هامون هاتون هاشون هایم هایت هایش هایی های هام هات هاش ها"
_ENDING = "ترین تر مان تان شان مون تون شون ات ان ین"
_LETTER = "م ت ش"
_LAYERS = ((_PLURAL.split(), 2), (_ENDING.split(), 4), (_LETTER.split(), 5))
"""Endings, and how many letters must be left: «کارت» keeps its ت, it is no form of «کار»."""


@lru_cache(65536)
def persian_stem(word: str) -> str:
    """*word* without the present tense's prefix and one layer of endings: different words rarely fall together."""
    if verb := _VERB.fullmatch(word):
        word = verb.group(1)
    for endings, left in _LAYERS:
        for ending in endings:
            if word.endswith(ending) and len(word) - len(ending) >= left:
                return _without_ya(word[: -len(ending)])
    return _without_ya(word)


def _without_ya(word: str) -> str:
    bare = word.removesuffix("ی").removesuffix("ی")
    return bare if len(bare) >= 3 else word


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


@lru_cache(1)
def _snowball() -> _Stemmer:
    import snowballstemmer

    stemmer: _Stemmer = snowballstemmer.stemmer("english")
    return stemmer


@lru_cache(65536)
def _english_stem(word: str) -> str:
    return _snowball().stemWord(word)


_PERSIAN = """
مان تان شان مون تون شون
از به با برای تا در را رو و یا که این آن همین همان است هست هستم هستی هستیم هستید هستین هستند بود بودند شد شده شود می
نمی ها های هایی هایم هایت هایش هایمان هایتان هایشان هم نیز هر اگر اما ولی چه چی چیست چیه چگونه چطور چطوری چجوری چرا
کدام کدوم کدامند کی کیست کجا کجاست کجاس چند چقدر چقد آیا من ما شما تو او ایشان آنها یک یه بر پس پیش روی کرد کرده کند
کنند کنم کنی کنیم کنید کنین کن کردن شوند شدند میشود میشه میشوند میکند میکنم میکنید میکنند دارد دارم داری داریم دارید
دارین دارند داره داشت باشد باشند باشه خود دیگر دیگه بعد قبل توسط طی ای ام ات اش اند اید ایم اینو لطفا سلام ممنون
مرسی خواهش بفرمایید بگویید بگید بگو
"""
_ENGLISH = """
a an the and or of to in on at by for from with without about as is are was were be been being am do does did doing
have has had having i you he she it we they me him her us them my your his its our their this that these those there
here what which who whom whose when where why how can could will would shall should may might must not no so if then
than but into up out just also too very s t d ll re ve m im dont doesnt cant isnt hi hello please thanks
"""
PERSIAN_STOP_WORDS = frozenset(search_copy(word) for word in _PERSIAN.split())
ENGLISH_STOP_WORDS = frozenset(_ENGLISH.split())
