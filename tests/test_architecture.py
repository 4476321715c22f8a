"""The house rules, read from the syntax trees: import direction, where Streamlit and the heavy packages may appear, sizes."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = ["models", "xai", "audit", "ui", "pages"]  # each may import what stands before it
CODE = sorted(path for room in ORDER for path in (ROOT / room).rglob("*.py"))
HEAVY = {"torch", "transformers", "shap", "lime", "captum"}


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports(path: Path) -> set[str]:
    """Top names of everything a module imports."""
    names = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    later = set(ORDER[ORDER.index(room(path)) + 1 :])
    assert not imports(path) & later


@pytest.mark.parametrize("path", [p for p in CODE if room(p) in ("models", "xai", "audit")], ids=lambda path: str(path.relative_to(ROOT)))
def test_streamlit_stays_out_of_the_core(path: Path) -> None:
    assert "streamlit" not in imports(path)


def test_pages_compute_nothing() -> None:
    for path in (ROOT / "pages").rglob("*.py"):
        assert not imports(path) & HEAVY, path
        assert path.parent.parent == ROOT / "pages", f"{path}: pages lie one folder down"


def test_sizes() -> None:
    for path in CODE:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = 80 if room(path) == "pages" else 15 if path.name == "__init__.py" else 300
        assert lines <= limit, f"{path} has {lines} lines, at most {limit} are allowed"
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 60
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short_and_raise_instead_of_asserting(path: Path) -> None:
    for node in ast.walk(parse(path)):
        assert not isinstance(node, ast.Assert), f"{path}:{node.lineno} asserts; raise an error with a sentence"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
            assert length <= 40, f"{path}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_docstrings(path: Path) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree) or path.name == "__init__.py", path
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name}"


def test_no_markup_from_strings() -> None:
    for path in [*CODE, ROOT / "app.py"]:
        source = path.read_text(encoding="utf-8")
        for word in ("unsafe_allow_html", "innerHTML", "st.html("):
            assert word not in source, f"{path} uses {word}: text from people must stay text"


def test_session_keys_are_named_once() -> None:
    for path in (ROOT / "pages").rglob("*.py"):
        assert "session_state" not in path.read_text(encoding="utf-8"), f"{path}: state belongs to ui"
