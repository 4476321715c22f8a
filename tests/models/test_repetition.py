"""Loops in translations, by hand."""

from __future__ import annotations

import pytest

from models.repetition import repeated_span


def spans(tokens: list[str]) -> list[tuple[int, int]]:
    place, found = 0, []
    for token in tokens:
        found.append((place, place + len(token)))
        place += len(token) + 1
    return found


@pytest.mark.parametrize(("words", "span"), [
    ("a b c d", None), ("a a b b", None), ("go go go", (0, 8)), ("we go and go and go and stop", (3, 23)),
    ("x y x y x", None), ("x y x y x y", (0, 11)), ("x y x y x y x", (0, 13)), ("", None), ("a", None), ("no no no yes yes yes yes", (9, 24)),
])
def test_the_longest_run_is_found(words: str, span: tuple[int, int] | None) -> None:
    tokens = words.split()
    assert repeated_span(tokens, spans(tokens)) == span


def test_what_the_source_repeats_is_no_fault() -> None:
    tokens = ["nein"] * 4
    assert repeated_span(tokens, spans(tokens), ["no"] * 4) is None
    assert repeated_span(tokens, spans(tokens), ["no"] * 3) == (0, 19)
    assert repeated_span(tokens, spans(tokens), ["no", "no"]) == (0, 19)
