"""Our own data sets, JSON Lines: read line by line, every fault named by file and line."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol, TypeVar

from models.errors import InputError


class Identified(Protocol):
    """What a line becomes: anything with an id of its own."""

    @property
    def id(self) -> str:
        """Name of the record, found once in its file."""


Record = TypeVar("Record", bound=Identified)


def read_records(path: Path, build: Callable[[Any], Record], *, what: str) -> list[Record]:
    """What `build` makes of every line of the file, in its order.

    Args:
        path: A UTF-8 file with one JSON value a line.
        build: Makes a record of a line's value. A KeyError or TypeError means a wrong shape; an InputError is the rest of a
            sentence that begins with the file and the line, such as "has the label 'x', expected one of …".
        what: What a line is, with its article, for the messages.

    Raises:
        InputError: The file cannot be read, `build` refuses a line, or two lines have the same id.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"The data set {path} cannot be read ({error.strerror}); restore it from the repository.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The data set {path} is not UTF-8 (byte {error.start}); restore it from the repository.") from error
    records: dict[str, Record] = {}
    for number, line in enumerate(lines, 1):
        try:
            record = build(json.loads(line))
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise InputError(f"{path.name} line {number} is not {what} ({error}); mend the line.") from error
        except InputError as error:
            raise InputError(f"{path.name} line {number} {error}") from error
        if record.id in records:
            raise InputError(f"{path.name} line {number} has the id {record.id!r} of a line before it; give every line its own.")
        records[record.id] = record
    return list(records.values())


def check_fields(fields: Any, *, lists: Collection[str] = ()) -> None:
    """Checks that a line is an object of strings, but for the fields named in `lists`, which are lists.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(fields, dict):
        raise TypeError(f"it is {type(fields).__name__}, expected an object")
    for name, value in fields.items():
        if not isinstance(value, list if name in lists else str):
            raise TypeError(f"{name} is {type(value).__name__}, expected {'a list' if name in lists else 'a string'}")
