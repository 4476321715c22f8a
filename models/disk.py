"""Files and folders that appear whole or not at all, and one sentence where the disk refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from models.errors import DiskError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside the target to write to; moved there at the end, so that the target is whole or as it was."""
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def full_disk_sentence(place: Path) -> Iterator[None]:
    """Turns a full or read-only disk into one sentence.

    Raises:
        DiskError: Writing failed for want of space or permission.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT):
            raise DiskError(f"{place} could not be written ({error.strerror}); free some space or choose another folder.") from error
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write a file or folder to; when all is written it takes the place of `path`.

    A folder is first moved to `<path>.old`, so a kill leaves the old one under one of the two names.

    Raises:
        DiskError: It could not be written; what stood at `path` is still there.
    """
    temporary, old = (path.with_name(path.name + end) for end in (".part", ".old"))
    try:
        _remove(temporary)
        yield temporary
        if path.is_dir():
            _remove(old)
            os.replace(path, old)
        os.replace(temporary, path)
        _remove(old)
    except Exception as error:
        with contextlib.suppress(OSError):
            _remove(temporary)
            if old.exists() and not path.exists():
                os.replace(old, path)
        # safetensors wraps what the system says in an error of its own
        if isinstance(error, OSError) or "I/O error" in str(error) or "IoError" in str(error):
            raise DiskError(f"{path} could not be written ({error}); free some space and run again with --resume.") from error
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
