"""The policy after the wording: every sentence is checked before it leaves, so that an answer can be streamed.

A sentence is kept, mended or dropped; some findings reject the whole wording, and the next answerer tries. What is
checked: secrets and our own prompt, blocked topics, links, language, numbers that stand in no source, sentences that
come from no source, length.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.answering.persona import Language
from shared.answering.policy.links import is_on, keep_allowed, links, same_link
from shared.answering.policy.phrases import first_held, words
from shared.answering.policy.rules import Policy
from shared.answering.policy.wishes import is_courtesy
from shared.answering.sentences import pieces
from shared.answering.values import Passage, PolicyHit
from shared.text.persian import ascii_digits, clean, language_of
from shared.text.terms import content_words

NO_ANSWER = "NO_ANSWER"
"""What the prompt tells a model to say when the passages don't hold the answer."""
_NO_ANSWER = re.compile(r"[\[*`\"'«]*\bNO[_ ]?ANSWER\b[\]*`\"'».]*")
_CITATION = re.compile(r"[ \t]*[\[【]\s*\d{1,3}(?:\s*[,،\-–]\s*\d{1,3})*\s*[\]】]")
_NUMBER = re.compile(r"\d+")
_GROUPING = re.compile(r"(?<=\d)[,٬،.'](?=\d{3}(?!\d))")
_LIST_MARK = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)\-])\s+", re.MULTILINE)
_SECRET = re.compile(
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_\-]{16,200}|\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]{0,30}KEY|\bEAA[A-Za-z0-9]{40,400}"
    r"|\b\d{6,12}:[A-Za-z0-9_\-]{30,80}|\beyJ[A-Za-z0-9_\-]{10,400}\.eyJ|\bgh[pousr]_[A-Za-z0-9]{30,80}",
    re.ASCII,
)
"""Keys of models, clouds, bots and sessions, by the marks their makers gave them. Every repetition is bounded.

A Persian letter before one is a border too: «کلیدsk-…»."""

_FENCE = re.compile(r"<<\s*(?:end\s+)?data-[0-9a-f]{6}")
"""How the prompt parts data from rules."""
_LEAK_WORDS = 8
"""This many words in a row of our prompt are no coincidence."""
_OWN_SHARE = 0.6
"""A sentence without a citation is a passage's when this share of its terms stands there."""
_FOREIGN_LETTERS = 24
"""From this many letters on a sentence has a language; shorter ones are names."""


@dataclass(frozen=True)
class After:
    """A whole text, checked. `rejected` names the rule that refuses it, and then `text` counts for nothing."""

    text: str
    fired: tuple[PolicyHit, ...]
    cited: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Each sentence that stands on passages, and their indices."""
    rejected: str | None = None


def check(
    policy: Policy,
    text: str,
    passages: Sequence[Passage],
    *,
    language: Language,
    guarded: str = "",
    question: str = "",
    quoted: bool = False,
) -> After:
    """*text* sentence by sentence. *guarded* is the prompt that must not leak; *quoted* text is its own source."""
    checker = Checker(policy, passages, language=language, guarded=guarded, question=question, quoted=quoted)
    kept = "".join([checker.take(piece) for piece in pieces(text)])
    return After(kept, tuple(checker.fired), tuple(checker.cited), checker.rejected)


@dataclass
class Checker:
    """One wording on its way out. Hand the pieces to `take` in order; stop when `rejected` or `is_full`."""

    policy: Policy
    passages: Sequence[Passage]
    language: Language
    guarded: str = ""
    question: str = ""
    quoted: bool = False
    fired: list[PolicyHit] = field(default_factory=list)
    cited: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    rejected: str | None = None
    is_full: bool = False
    no_answer: bool = False
    length: int = 0

    def __post_init__(self) -> None:
        self._terms = [set(content_words(f"{p.title} {p.place} {p.text}")) for p in self.passages]
        self._links = [{same_link(link) for link in links(p.text)} for p in self.passages]
        self._numbers = _numbers(" ".join([self.question, *(f"{p.title} {p.place} {p.text}" for p in self.passages)]))
        public = frozenset().union(*(_runs(p.text) for p in self.passages)) if self.guarded else frozenset()
        self._prompt = _runs(self.guarded) - public
        self._gap = ""
        self.must_cite = self.policy.answer.require_sources and bool(self.passages) and not self.quoted

    def take(self, piece: str) -> str:
        """What may leave of one sentence, with the white space before it; empty when nothing may."""
        if self.rejected or self.is_full:
            return ""
        sentence = clean(piece).rstrip()
        if not self.quoted and _NO_ANSWER.search(sentence):
            self.no_answer = True
            sentence = _NO_ANSWER.sub("", sentence).strip()
        numbers = self._citations(sentence)
        if not self.quoted:
            sentence = _CITATION.sub("", sentence)
        gap = self._gap if self.length else ""
        self.length += len(gap)
        kept = self._judge(sentence, numbers) if sentence.strip() else ""
        if not kept:
            self.length -= len(gap)
            return ""
        self.length += len(kept)
        self._gap = piece[len(piece.rstrip()) :] or " "
        return gap + kept

    def _judge(self, sentence: str, cited: tuple[int, ...]) -> str:
        if self._refuses(sentence):
            return ""
        said = words(sentence)
        for topic in self.policy.blocked_topics:
            if phrase := first_held(said, topic.phrases):
                return self._drop("blocked_topic", f"{topic.name}: {phrase}")
        if not self.quoted:
            if self.must_cite and (strange := _numbers(_LIST_MARK.sub("", sentence)) - self._numbers):
                return self._drop("number_without_source", " ".join(sorted(strange)))
            cited = self._sources(sentence, cited)
            if self.must_cite and not cited and not self._is_courtesy(sentence):
                return self._drop("no_source", sentence[:80])
        kept = self._without_links(sentence, cited)
        if not words(kept) and words(sentence):
            return ""
        kept = self._fit(kept, cited)
        if cited and kept:
            self.cited.append((kept, cited))
        return kept

    def _without_links(self, sentence: str, cited: tuple[int, ...]) -> str:
        sources = range(len(self.passages)) if self.quoted else cited
        quoted = {link for n in sources for link in self._links[n]}
        hosts = self.policy.answer.allowed_link_hosts
        kept, removed = keep_allowed(sentence, lambda link: is_on(link, hosts) or same_link(link) in quoted)
        for link in removed:
            self._hit("link", link[:200])
        return kept.strip()

    def _refuses(self, sentence: str) -> bool:
        """Findings that condemn the whole wording."""
        if secret := _SECRET.search(sentence):
            self.rejected = "secret"
            self._hit("secret", secret.group()[:6] + "…")
        elif _FENCE.search(sentence) or _runs(sentence) & self._prompt:
            self.rejected = "prompt_leak"
            self._hit("prompt_leak")
        elif not self.quoted and self._is_foreign(sentence):
            self.rejected = "language"
            self._hit("language", language_of(sentence))
        return self.rejected is not None

    def _is_foreign(self, sentence: str) -> bool:
        prose, _ = keep_allowed(sentence, lambda _: False)
        if sum(c.isalpha() for c in prose) < _FOREIGN_LETTERS:
            return False
        return language_of(prose) not in {"und", self.language, *({"ar", "ur"} if self.language == "fa" else ())}

    def _citations(self, sentence: str) -> tuple[int, ...]:
        """Indices of the passages that the sentence names, [1] being the first; invented ones are noted."""
        named = {int(n) - 1 for mark in _CITATION.findall(sentence) for n in _NUMBER.findall(mark)}
        if invented := {n for n in named if not 0 <= n < len(self.passages)}:
            if not self.quoted:
                self._hit("invented_source", " ".join(str(n + 1) for n in sorted(invented)))
            named -= invented
        return tuple(sorted(named))

    def _sources(self, sentence: str, cited: tuple[int, ...]) -> tuple[int, ...]:
        """The cited passages that share a word with it; without a citation, the passage it visibly comes from."""
        terms = set(content_words(sentence))
        if cited:
            return tuple(n for n in cited if not terms or terms & self._terms[n] or self._is_translated(n))
        shares = [len(terms & own) / len(terms) for own in self._terms] if len(terms) >= 2 else []
        best = max(shares, default=0.0)
        return (shares.index(best),) if best >= _OWN_SHARE else ()

    def _is_translated(self, index: int) -> bool:
        return language_of(self.passages[index].text) != self.language

    def _is_courtesy(self, sentence: str) -> bool:
        return not any(c.isdecimal() for c in sentence) and not links(sentence) and is_courtesy(sentence)

    def _fit(self, sentence: str, cited: tuple[int, ...]) -> str:
        room = self.policy.answer.max_chars - self.length
        if len(sentence) <= room:
            return sentence
        self.is_full = True
        self._hit("length")
        return "" if self.length else self._without_links(shorten(sentence, room), cited)

    def _drop(self, rule: str, detail: str) -> str:
        self._hit(rule, detail)
        return ""

    def _hit(self, rule: str, detail: str = "") -> None:
        self.fired.append(PolicyHit(stage="after", rule=rule, detail=detail))


def shorten(text: str, limit: int) -> str:
    """*text* in at most *limit* characters: cut between sentences, else between words with an ellipsis."""
    if len(text) <= limit:
        return text
    kept = ""
    for piece in pieces(text):
        if len((kept + piece).rstrip()) > limit:
            break
        kept += piece
    if kept.strip():
        return kept.strip()
    whole_words = text[:limit].rsplit(None, 1)
    head = whole_words[0] if len(whole_words) == 2 else text[: limit - 1]
    return head.rstrip()[: limit - 1] + "…"


def _numbers(text: str) -> set[str]:
    """The numbers in *text* by value: ۱٬۲۰۰ is 1200, 09 is 9."""
    plain = _GROUPING.sub("", ascii_digits(text))
    return {n.lstrip("0") or "0" for n in _NUMBER.findall(plain)}


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    said = words(text)
    return frozenset(tuple(said[i : i + _LEAK_WORDS]) for i in range(len(said) - _LEAK_WORDS + 1))
