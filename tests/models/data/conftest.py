"""Writes tiny corpus folders with invented sentences, as the published ones are laid out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Tree = Mapping[str, str | bytes]


@pytest.fixture
def write_tree(tmp_path: Path) -> Callable[[Tree], Path]:
    """Writes files (text as UTF-8) under a folder and returns it; a name that ends in .zip gets its content as one CSV."""

    def write(files: Tree) -> Path:
        root = tmp_path / "corpus"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = content.encode() if isinstance(content, str) else content
            path.write_bytes(_zipped(path.stem + ".csv", raw) if path.suffix == ".zip" else raw)
        return root

    return write


def _zipped(member: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return buffer.getvalue()
