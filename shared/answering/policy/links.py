"""Links in an answer: which there are, and which may leave."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

_ENDINGS = (
    "com|org|net|ir|io|co|me|info|biz|app|dev|ai|shop|store|online|site|xyz|top|link|click|live|news|blog|cloud|tech|pro|page|"
    "club|vip|win|icu|ly|gl|gd|cc|tv|to|tk|ml|ga|cf|gq|us|uk|de|fr|ru|cn|tr|ae|af|in|eu|ca|au|nl|edu|gov|mil|int"
)
_TAIL = r"[^\s<>\"'«»\]\[(){}،؛]*"
_LINK = re.compile(
    rf"(?:[a-z][a-z0-9+.\-]{{0,20}}:/{{1,3}}|www\.|(?:mailto|javascript|data|vbscript|tg):)[^\s<>\"«»]+"
    rf"|(?<![\w.@/\-])[\w.+\-]{{1,64}}@[\w\-]+(?:\.[\w\-]+)+"
    rf"|(?<![\w@])(?:[\w\-]{{1,63}}[.。．｡]){{1,8}}(?:{_ENDINGS})(?![\w\-])(?::\d+)?(?:[/?#]{_TAIL})?",
    re.IGNORECASE,
)
"""What a chat program turns into something to press: a scheme, www, an address, a bare name with a known ending."""
_MARKDOWN = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(([^()\s]{1,2000})\)")
_TRAILING = ".,;:!?؟،؛…)]}»”’*_`"


def links(text: str) -> list[str]:
    """Every link in *text*, in order, without the punctuation behind it."""
    return [match.group().rstrip(_TRAILING) for match in _LINK.finditer(text)]


def keep_allowed(text: str, allowed: Callable[[str], bool]) -> tuple[str, list[str]]:
    """*text* without the links that are not *allowed*, and those links. A Markdown link's words stay."""
    removed: list[str] = []

    def markdown(match: re.Match[str]) -> str:
        if allowed(match[2]):
            return match.group()
        removed.append(match[2])
        return match[1]

    def plain(match: re.Match[str]) -> str:
        link = match.group().rstrip(_TRAILING)
        if allowed(link):
            return match.group()
        removed.append(link)
        return match.group()[len(link) :]

    while True:  # what is left around a removed link may join to another
        before = len(removed)
        text = _LINK.sub(plain, _MARKDOWN.sub(markdown, text))
        if len(removed) == before:
            return text, removed
        text = re.sub(r"[(\[«<][ \t]*[)\]»>]", "", text)
        text = re.sub(r"[ \t]{2,}", " ", text)
        text = re.sub(r"[ \t]+(?=[.,;:!?؟،؛])", "", text)


def host_of(link: str) -> str | None:
    """The host a browser would open; None where it is unclear or not http(s), which is never allowed."""
    if "@" in link and "/" not in link.split("@")[0]:  # an e-mail address belongs to its domain
        return link.removeprefix("mailto:").rsplit("@", 1)[1].lower() if "?" not in link else None
    url = link if "://" in link else f"https://{link}"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or "\\" in link or "@" in parts.netloc or not host:
        return None
    return host.rstrip(".")


def is_on(link: str, hosts: Iterable[str]) -> bool:
    """Whether *link* leads to one of *hosts* or below it."""
    host = host_of(link)
    return host is not None and any(host == allowed or host.endswith(f".{allowed}") for allowed in hosts)


def same_link(link: str) -> str:
    """*link* so that two ways of writing one address compare equal: no scheme, no www, no slash at the end."""
    bare = re.sub(r"^https?://(?:www\.)?|^www\.", "", link.strip(), flags=re.IGNORECASE)
    host, slash, path = bare.partition("/")
    return f"{host.lower()}{slash}{path}".rstrip("/")
