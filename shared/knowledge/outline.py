"""Building sections while walking through a document, heading by heading."""

import re
from collections.abc import Sequence

from shared.knowledge.documents import Document, Section

HEADING_CHARACTERS = 200
_SPACES = re.compile(r"[ \t\u00a0]+")


class Outline:
    """Collects paragraphs under the headings seen last. Headings of a level end those of the same level and deeper."""

    def __init__(self, title: str = "") -> None:
        self._title = title
        self._path: list[tuple[int, str]] = []
        self._blocks: list[str] = []
        self._marker = ""
        self._sections: list[Section] = []
        self._bare = False  # the last heading has nothing under it yet

    def heading(self, level: int, text: str) -> None:
        """*level* 1 is outermost. The first outermost heading is the document's title where it has no other."""
        self._finish(next_level=level)
        text = _SPACES.sub(" ", text).strip()[:HEADING_CHARACTERS]
        self._path = [(at, name) for at, name in self._path if at < level]
        if text:
            self._path.append((level, text))
            self._bare = True
            if level == 1 and not self._title:
                self._title = text

    def paragraph(self, text: str) -> None:
        """A block of its own; after `item` it is the list item's text."""
        lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
        if not (text := "\n".join(line for line in lines if line)):
            return
        if self._marker and self._blocks and self._blocks[-1].lstrip().startswith(("-", *"0123456789")):
            self._blocks[-1] += f"\n{self._marker}{text}"  # a list is one block: its items belong together
        else:
            self._blocks.append(f"{self._marker}{text}")
        self._marker = ""

    def item(self, marker: str) -> None:
        """The next paragraph is a list item and begins with *marker*."""
        self._marker = marker

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """The first row holds the columns' headings; each other row becomes a line."""
        if not rows:
            return
        head, *body = rows
        lines = [" | ".join(_cell(h, c) for h, c in zip(head, row, strict=False) if c) for row in body]
        self.paragraph("\n".join(lines) if body else " | ".join(head))

    def document(self) -> Document:
        """What was collected."""
        self._finish(next_level=0)
        return Document(self._title, self._sections)

    def _finish(self, next_level: int) -> None:
        place = tuple(name for _, name in self._path)
        if self._blocks:
            self._sections.append(Section(place, "\n\n".join(self._blocks)))
        elif self._bare and next_level <= self._path[-1][0]:
            # A heading with nothing under it says something all the same: "Closed on Fridays".
            self._sections.append(Section(place[:-1], place[-1]))
        self._blocks, self._marker, self._bare = [], "", False


def _cell(heading: str, cell: str) -> str:
    return f"{heading}: {cell}" if heading else cell
