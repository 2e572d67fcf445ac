"""PDFs made for tests: by Chromium, as people print them, and byte by byte, as nobody should."""

import os
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
FONTS = ROOT / "widget" / "src" / "fonts"
STYLE = f"""
@font-face {{ font-family: V; src: url("file://{FONTS}/vazirmatn-persian.woff2"); unicode-range: U+600-6FF, U+200C }}
@font-face {{ font-family: V; src: url("file://{FONTS}/vazirmatn-latin.woff2"); unicode-range: U+0-FF }}
body {{ font: 14px V }} section {{ break-after: page }} td, th {{ padding: 4px 20px }}
"""


def printed(html: str, folder: Path, *, title: str = "", lang: str = "fa") -> bytes:
    """*html*, a page's body, as Chromium prints it; it leaves nothing outside of *folder*."""
    folder.mkdir(exist_ok=True)
    page, pdf = folder / "page.html", folder / "page.pdf"
    direction = "rtl" if lang == "fa" else "ltr"
    page.write_text(
        f'<!doctype html><html lang="{lang}" dir="{direction}"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><body>{html}</body></html>"
    )
    subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={pdf}", page.as_uri()],
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return pdf.read_bytes()


class Objects:
    """A PDF's objects, numbered from 1 as they are added."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def add(self, body: str | bytes) -> int:
        self.bodies.append(body.encode() if isinstance(body, str) else body)
        return len(self.bodies)

    def stream(self, data: bytes, entries: str = "", *, packed: bool = False) -> int:
        if packed:
            data, entries = zlib.compress(data, 9), f"{entries} /Filter /FlateDecode"
        return self.add(f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream")

    def file(self, root: int, trailer: str = "") -> bytes:
        """The file, with a cross-reference table."""
        out = bytearray(b"%PDF-1.7\n")
        places = []
        for number, body in enumerate(self.bodies, 1):
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        start = len(out)
        out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        out += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
        out += f"trailer\n<< /Size {len(places) + 1} /Root {root} 0 R {trailer} >>\n".encode()
        return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


@dataclass(frozen=True)
class Drawn:
    """Letters drawn one after the other from (x, y) on, in points, each half as wide as it is high.

    A string draws letter by letter; a list draws each of its strings as one glyph.
    """

    x: float
    y: float
    letters: str | Sequence[str]
    size: float = 12
    before: str = ""
    """Operators that come first."""


@dataclass
class Fonts:
    """One font that knows the letters it was asked to draw."""

    codes: dict[str, int] = field(default_factory=dict)

    def code(self, letters: str) -> str:
        return f"{self.codes.setdefault(letters, len(self.codes) + 1):04X}"

    def add_to(self, objects: Objects, *, tells: bool = True) -> int:
        """The font's number. Unless it *tells*, nobody knows which letters it draws."""
        pairs = "\n".join(f"<{c:04X}> <{t.encode('utf-16-be').hex()}>" for t, c in self.codes.items())
        table = f"begincodespacerange\n<0000> <FFFF>\nendcodespacerange\nbeginbfchar\n{pairs}\nendbfchar"
        described = f"/ToUnicode {objects.stream(table.encode())} 0 R" if tells else ""
        below = objects.add("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /DW 500 >>")
        return objects.add(
            "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H "
            f"/DescendantFonts [{below} 0 R] {described} >>"
        )


def drawn(*pages: Iterable[Drawn], tells: bool = True, title: str = "") -> bytes:
    """Pages of A4 with what is drawn on them, in that order."""
    objects, fonts = Objects(), Fonts()
    contents = []
    for page in pages:
        operators = "\n".join(
            f"q {one.before} BT /F {one.size} Tf 1 0 0 1 {one.x} {one.y} Tm <{codes}> Tj ET Q"
            for one in page
            if (codes := "".join(map(fonts.code, one.letters)))
        )
        contents.append(objects.stream(operators.encode(), packed=True))
    font = fonts.add_to(objects, tells=tells)
    tree = len(objects.bodies) + len(contents) + 1
    kids = [
        objects.add(
            f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {content} 0 R "
            f"/Resources << /Font << /F {font} 0 R >> >> >>"
        )
        for content in contents
    ]
    objects.add(f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{k} 0 R' for k in kids)}] >>")
    root = objects.add(f"<< /Type /Catalog /Pages {tree} 0 R >>")
    info = objects.add(f"<< /Title <feff{title.encode('utf-16-be').hex()}> >>")
    return objects.file(root, f"/Info {info} 0 R")


def one_page(content: bytes, *, resources: str = "", packed: bool = False, objects: Objects | None = None) -> bytes:
    """A file of one page with this content, by hand."""
    objects = objects or Objects()
    drawing = objects.stream(content, packed=packed)
    tree = len(objects.bodies) + 2
    page = objects.add(
        f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {drawing} 0 R "
        f"/Resources << {resources} >> >>"
    )
    objects.add(f"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>")
    return objects.file(objects.add(f"<< /Type /Catalog /Pages {tree} 0 R >>"))
