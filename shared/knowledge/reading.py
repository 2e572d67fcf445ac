"""What runs inside the limited process: reads a file, writes its sections, knows nothing else.

    python -m shared.knowledge.reading FILE NAME

writes one JSON object a line: the document's title, then its sections, then `{"end": true}`; or one rejection.
"""

import json
import logging
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.knowledge.documents import STATUS_MEMORY, DocumentRejected
from shared.knowledge.formats import read

CPU_SECONDS = 15
"""Enough for 400 pages that a browser printed, the slowest there are."""
MEMORY_BYTES = 768 * 1024 * 1024


def lines(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """What is to be written."""
    try:
        document = read(path, name)
    except DocumentRejected as rejected:
        yield {"rejected": rejected.code}
        return
    yield {"title": document.title}
    for section in document.sections:
        yield {"place": section.place, "text": section.text}
    yield {"end": True}


def limit() -> None:
    """Time, memory, and no writing: it has no business with any other file."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Exits with STATUS_MEMORY where the file wants more than it gets."""
    limit()
    logging.disable()  # a library may warn of every oddity, and a file may have a million
    try:
        for line in lines(Path(sys.argv[1]), sys.argv[2]):
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    except (MemoryError, RecursionError):
        sys.exit(STATUS_MEMORY)


if __name__ == "__main__":
    main()
