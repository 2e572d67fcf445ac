"""What a file says it is called, where that is a title and not what a program filled in."""

import re

_CHARACTERS = 200
_FILLED_IN = re.compile(
    r"\.(?:docx?|pdf|x?html?|odt|rtf|indd|tex|dvi|xlsx?|pptx?)$|^(?:file|https?|about):"
    r"|^(?:untitled|word document|document ?\d*|بدون عنوان)$",
    re.IGNORECASE,
)
_BY_WORD = re.compile(r"^Microsoft (?:Office )?Word\s*-\s*", re.IGNORECASE)


def sensible_title(told: str) -> str:
    """*told*, or nothing where it is a file's name or a default."""
    title = _BY_WORD.sub("", " ".join(told.split()))
    is_one = sum(letter.isalpha() for letter in title) > 1 and not _FILLED_IN.search(title)
    return title[:_CHARACTERS] if is_one else ""
