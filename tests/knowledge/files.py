"""A file as somebody uploaded it, read in the limited process."""

from pathlib import Path

import pytest

from shared.knowledge.documents import Document, DocumentRejected, read_document


async def read(tmp_path: Path, name: str, content: str | bytes, **limits: float) -> Document:
    """Raises DocumentRejected."""
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return await read_document(path, name, **limits)


async def rejected(tmp_path: Path, name: str, content: str | bytes) -> str:
    """The code of the refusal."""
    with pytest.raises(DocumentRejected) as refused:
        await read(tmp_path, name, content)
    return refused.value.code
