"""What `audit` brings in lazily is what its stub tells type checkers."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import audit

STUB = ast.parse(Path(audit.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))


def test_the_stub_names_what_is_there() -> None:
    told = {alias.name: node.module for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == {name: f"audit.{home}" for name, home in audit._HOMES.items()}
    assert all(getattr(audit, name) is getattr(import_module(str(home)), name) for name, home in told.items())


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="module 'audit' has no attribute 'nothing'"):
        assert audit.nothing
