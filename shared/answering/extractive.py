"""The answer without a model: the sentences of the best passage that answer the question, or nothing.

It chooses by the question's words: which sentences hold them, how rare they are among what was found, and whether a
question for a time, a price or a number meets a digit. The heading above a sentence counts as said.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.answering.values import Passage
from shared.text.sentences import sentences
from shared.text.terms import content_words

_MOST_SENTENCES = 3
_MOST_CHARS = 400
_PREFIX = 4
"""Terms that share so many first letters, and differ by few after them, are forms of one word."""

_HEADING = 0.8
"""What a word in the heading counts, against one in the sentences."""
_SHARE = 0.35
"""What the rest of the passage adds: the answer's neighbours speak of the same thing."""
_RANK_PRIOR = 1.0
"""Trust in the search, which saw more than words: half a point between its first passage and its last."""
_NUMBER_BONUS = 0.15
_LENGTH_COST = 0.2
_BREADTH = 0.4
"""A question that is the heading's own asks for what stands below it, not for the one sentence that repeats a word."""
_NUMBER_WANTED = re.compile(
    r"چند|چقدر|ساعت|قیمت|هزینه|شماره|تلفن|تاریخ|چه سال|چه زمان|کی\b"
    r"|how (?:much|many|long|old|far|often)|when|what time|price|cost|phone|number|hours",
    re.IGNORECASE,
)
_KIN_COUNTS = 0.7
"""A word of the same family, against the word itself."""
_FAMILIES = (
    "باز بسته تعطیل کار ساعت ساعات روز open opening close closed hours",
    "پس مرجوع مرجوعی عودت بازگشت برگشت برگردانم برگردونم تعویض return returns refund refunds exchange",
    "ارسال پست پیک تحویل برسد می‌رسد فرستادن shipping ship deliver delivery courier",
    "قیمت هزینه نرخ تومان ریال مبلغ price cost fee charge",
    "آدرس نشانی خیابان شعبه کجا کجاست address location located where branch",
    "پرداخت کارت درگاه اقساط قسط pay payment card instalments",
    "تلفن شماره تماس phone telephone number contact call",
)
"""What customers of any shop call the same thing by different names."""
_COPULAS = frozenset({"ید", "ین", "یم", "ند", "ه"})
"""«باز» also stands in «بازید» and «بازه»."""
_MEANT = (
    (re.compile(r"\bپس (?:دا|بد|می|گرفت)"), "مرجوع"),
    (re.compile(r"\bکجا"), "نشانی"),
    (re.compile(r"^\s*where\b", re.IGNORECASE), "address"),
)
"""Small words that ask for something: search leaves them out as too common."""
_FILLERS = """
    بدید بدین بده بدهید بدم می‌خواهم میخوام می‌خوام خواستم بدونم بدانم بفرستید بگین بگید بگویید طول می‌کشد می‌کشه میکشه لازم
    بدهم بدهیم می‌توانم می‌توانیم می‌تونم میتونم می‌شود می‌شه میشه فرصت دارم
    want know need tell give get take long like policy can
    """
"""What a question is wrapped in."""


@dataclass(frozen=True)
class Quote:
    """What to say, from which passage, and how well it fits."""

    text: str
    index: int
    """Of the passage."""
    support: float
    """The share of the question's weight that the quotation and its headings hold, 0 to 1."""


def quote(question: str, passages: Sequence[Passage]) -> Quote | None:
    """The best one to three neighbouring sentences, at most 400 characters; None where no passage shares a word."""
    read = [_read(f"{passage.title} {passage.place}", passage.text) for passage in passages]
    asked = _asked(question, read)
    if not asked:
        return None
    wants_number = bool(_NUMBER_WANTED.search(question))
    best: Quote | None = None
    best_score = 0.0
    for index, passage in enumerate(read):
        share, topic = _held(asked, passage.terms), _held(asked, passage.heading)
        for window in _windows(passage.units):
            said = frozenset().union(*(u.terms for u in window))
            own, with_heading = _held(asked, said), _held(asked, said | passage.heading)
            text = passage.text[window[0].start : window[-1].end]
            score = own + _HEADING * (with_heading - own) + _SHARE * share + _RANK_PRIOR / (index + 2)
            score += _NUMBER_BONUS if wants_number and any(c.isdecimal() for c in text) else 0
            score += (_BREADTH * topic - _LENGTH_COST) * len(text) / _MOST_CHARS
            if score > best_score and with_heading > 0:
                best_score, best = score, Quote(_tidy(text), index, round(with_heading, 3))
    return best


@dataclass(frozen=True)
class _Unit:
    """A sentence, by its terms and its place in the text."""

    terms: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True)
class _Read:
    """A passage, cut and its terms collected."""

    text: str
    heading: frozenset[str]
    units: list[_Unit]
    terms: frozenset[str]
    """Of the heading and every sentence."""


@lru_cache(512)
def _read(heading: str, text: str) -> _Read:
    """Kept, as a few passages answer most questions."""
    above = frozenset(content_words(heading))
    units = [_Unit(frozenset(content_words(s.text)), s.start, s.end) for s in sentences(text)]
    return _Read(text, above, units, above.union(*(u.terms for u in units)))


@dataclass(frozen=True)
class _Asked:
    """A term of the question: the passages' words that are forms of it or of its family, and how much it tells."""

    forms: frozenset[str]
    kin: frozenset[str]
    weight: float

    def stands_in(self, terms: frozenset[str]) -> float:
        """1 for the word or another form of it, less for one of its family, 0 for none."""
        if not self.forms.isdisjoint(terms):
            return 1.0
        return 0.0 if self.kin.isdisjoint(terms) else _KIN_COUNTS


def _asked(question: str, read: Sequence[_Read]) -> list[_Asked]:
    """The distinct terms asked for. The rarer among the sentences, the heavier; one that stands nowhere most of all."""
    known = frozenset().union(*(passage.terms for passage in read))
    sentences_terms = [unit.terms | passage.heading for passage in read for unit in passage.units]
    found = _joined(content_words(question), known)
    found += [term for said, term in _MEANT if said.search(question)]
    asked = []
    for term in dict.fromkeys([t for t in found if t not in _fillers()] or found):
        forms = frozenset(t for t in known if _alike(term, t))
        kin = _kin().get(term, frozenset()) & known
        seen = sum(not (forms | kin).isdisjoint(terms) for terms in sentences_terms)
        asked.append(_Asked(forms, kin, math.log(1 + (len(sentences_terms) + 1) / (seen + 1))))
    return asked


def _joined(terms: list[str], known: frozenset[str]) -> list[str]:
    """*terms*, two neighbours made one where the passages write them so: «پنج شنبه» is their «پنجشنبه»."""
    joined: list[str] = []
    for term in terms:
        if joined and joined[-1] + term in known:
            joined[-1] += term
        else:
            joined.append(term)
    return joined


def _held(asked: Sequence[_Asked], terms: frozenset[str]) -> float:
    """The share of the question's weight that stands in *terms*."""
    return sum(a.weight * a.stands_in(terms) for a in asked) / sum(a.weight for a in asked)


def _windows(units: list[_Unit]) -> Iterator[list[_Unit]]:
    """Neighbours of up to three sentences within the length; a single sentence at any length."""
    for first in range(len(units)):
        for last in range(first + 1, min(first + _MOST_SENTENCES, len(units)) + 1):
            if last - first > 1 and units[last - 1].end - units[first].start > _MOST_CHARS:
                break
            yield units[first:last]


@lru_cache(1)
def _fillers() -> frozenset[str]:
    return frozenset(content_words(_FILLERS))


@lru_cache(1)
def _kin() -> dict[str, frozenset[str]]:
    families = [frozenset(content_words(family)) for family in _FAMILIES]
    return {term: family for family in families for term in family}


def _alike(one: str, other: str) -> bool:
    """Whether they are forms of one word. Numbers are equal or not."""
    if one == other or one.isdecimal():
        return one == other
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _PREFIX:
        return len(shorter) == _PREFIX - 1 and longer.startswith(shorter) and longer[len(shorter) :] in _COPULAS
    return longer.startswith(shorter) and len(longer) - len(shorter) <= 3


def _tidy(text: str) -> str:
    """The quotation as one would say it in a chat: no heading marks, no ragged white space."""
    text = re.sub(r"^[#>\-*•\s]+", "", text)
    return re.sub(r"[ \t]{2,}", " ", text).strip()
