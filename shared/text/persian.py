"""Persian as people type it: a copy to search in, a cleaned copy to hand to a model, and which language a text is.

What a person wrote is kept for display as it came; these are copies. The same word arrives with Arabic or Persian
letters, with Persian, Arabic or ASCII digits, with a half-space (ZWNJ), a space or nothing between its parts.
"""

import re
import unicodedata
from collections import Counter

ZWNJ = "\u200c"

_LETTERS = str.maketrans(
    {
        **dict.fromkeys("يىېۍێےﯼ", "ی"),
        **dict.fromkeys("كڪڮﮎ", "ک"),
        **dict.fromkeys("ةۀەھہۂۃ", "ه"),
        **dict.fromkeys("ٱٲٳٵ", "ا"),
        **dict.fromkeys("ۆۇۈۋ", "و"),
        "ء": None,
        "٪": "%",
        "٫": ".",
        "٬": ",",
        "ـ": None,  # tatweel only stretches a word
        "’": "'",
    }
)
_MARKS = re.compile(
    "[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff]"
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Zero-width and direction controls, and the tag and variation characters that smuggle ASCII past a reader's eye."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""Among them NUL and lone surrogates, which Postgres refuses."""
_LOOSE_ZWNJ = re.compile(rf"(?<![^\s]){ZWNJ}+|{ZWNJ}+(?![^\s])")
_ZWNJ_RUN = re.compile(f"{ZWNJ}{{2,}}")


def clean(text: str) -> str:
    """*text* without what no reader sees, for prompts and storing. Half-spaces between letters stay."""
    text = _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _CONTROLS.sub("", text)
    return _LOOSE_ZWNJ.sub("", _ZWNJ_RUN.sub(ZWNJ, text))


def search_copy(text: str, *, zwnj: str = " ") -> str:
    """*text* so that equal words are equal strings: one form of every letter, ASCII digits, no marks, no case.

    A half-space becomes *zwnj*: a space, nothing, or itself for a caller that looks at the parts.
    """
    text = unicodedata.normalize("NFKD", clean(text))
    text = unicodedata.normalize("NFKC", _MARKS.sub("", text)).translate(_LETTERS).casefold()
    return ascii_digits(text).replace(ZWNJ, zwnj)


def ascii_digits(text: str) -> str:
    """*text* with every decimal digit of any script as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() and c > "\x7f" else c for c in text)


def is_persian(text: str) -> bool:
    """Whether *text* is mainly Persian, also when an Arabic keyboard wrote it."""
    return language_of(text) == "fa"


_SCRIPTS = {
    "LATIN": "en",
    "CYRILLIC": "ru",
    "HEBREW": "he",
    "GREEK": "el",
    "DEVANAGARI": "hi",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "CJK": "zh",
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "THAI": "th",
}
_ARABIC = "في من على الى إلى هل ما هذا هذه التي الذي ان أن عن مع لا كم متى كيف أريد اريد يمكن"
_PERSIAN = (
    "از به را رو است هست که این آن با برای در و می سلام چه چی چند کی کجا چطور چرا نیست شما من لطفا ممنون یا تا هم"
)
_ARABIC_WORDS, _PERSIAN_WORDS = frozenset(_ARABIC.split()), frozenset(_PERSIAN.split())


def language_of(text: str) -> str:
    """The likeliest language as ISO 639-1, by the script most letters are in; `und` where there are no letters.

    Latin letters count as English, and Arabic script as Persian unless its letters or small words say otherwise.
    """
    scripts = Counter(unicodedata.name(c, "?").split(" ", 1)[0] for c in text[:2000] if c.isalpha())
    if not scripts:
        return "und"
    script = scripts.most_common(1)[0][0]
    return _of_arabic_script(text) if script == "ARABIC" else _SCRIPTS.get(script, "und")


def _of_arabic_script(text: str) -> str:
    if any(c in "ٹڈڑں" for c in text):
        return "ur"
    if any(c in "پچژگ" for c in text):
        return "fa"
    words = re.findall(r"\w+", text)
    arabic = sum(w in _ARABIC_WORDS or (len(w) > 4 and w.startswith("ال")) or w.endswith("ة") for w in words)
    folded = [search_copy(w) for w in words]
    persian = sum(w in _PERSIAN_WORDS or f in _PERSIAN_WORDS for w, f in zip(words, folded, strict=True))
    return "ar" if arabic > persian else "fa"
