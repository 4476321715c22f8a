"""The error tree: one root, every error exported and drawn in the docstring, a sentence and a key."""

from __future__ import annotations

import inspect

import pytest

from models import errors
from models.errors import Cancelled, CultureLensError

TREE = {name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}


def test_all_errors_are_exported_and_drawn() -> None:
    assert sorted(TREE) == sorted(errors.__all__)
    drawn = [line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.startswith(("├", "└"))]
    assert sorted(drawn) == sorted(set(TREE) - {"CultureLensError"})


@pytest.mark.parametrize("name", TREE)
def test_an_error_keeps_its_sentence_and_key(name: str) -> None:
    error = TREE[name]("One sentence.", key="some-key")
    assert isinstance(error, CultureLensError)
    assert (str(error), error.key, TREE[name]("x").key) == ("One sentence.", "some-key", "")


def test_stopping_is_not_caught_with_bad_input() -> None:
    assert {cls for cls in TREE.values() if issubclass(Cancelled, cls)} == {Cancelled, CultureLensError}
    assert not issubclass(CultureLensError, ValueError | RuntimeError | OSError)
