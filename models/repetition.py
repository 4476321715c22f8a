"""A translation that says the same again and again: the commonest way in which a decoder fails."""

from __future__ import annotations

from collections.abc import Sequence

TIMES = 3  # how often the same tokens must follow each other …
LONGEST = 12  # … at most so many at a time


def repeated_span(tokens: Sequence[str], offsets: Sequence[tuple[int, int]], source: Sequence[str] = ()) -> tuple[int, int] | None:
    """Character span of the longest run of the same tokens, TIMES or more in a row, or None.

    A run that the source has as well ("no, no, no, no") is not a fault.

    Args:
        tokens: Surfaces of the translation's tokens (tokens,).
        offsets: Their character spans (tokens,).
        source: Surfaces of the source's tokens.
    """
    start, end = _longest_run(tokens)
    own_start, own_end = _longest_run(source)
    if end - start <= own_end - own_start:
        return None
    return offsets[start][0], offsets[end - 1][1]


def _longest_run(tokens: Sequence[str]) -> tuple[int, int]:
    """First and last + 1 token of the longest repetition; (0, 0) where there is none."""
    best = (0, 0)
    for size in range(1, LONGEST + 1):
        start = 0
        for place in range(size, len(tokens) + 1):
            if place < len(tokens) and tokens[place] == tokens[place - size]:
                continue
            length = place - start
            if length >= TIMES * size and length > best[1] - best[0]:
                best = (start, place)
            start = place - size + 1
    return best
