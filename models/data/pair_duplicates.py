"""Pairs that repeat, pairs that leak from a held-out set into training, and how unlike the lengths of two sides are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import regex

from models.data.duplicates import fingerprint
from models.data.pairs import Pair
from models.progress import Progress, no_progress

Side = tuple[str, str]  # language and text
RANK = {"test": 0, "validation": 1, "train": 2}
HAN_LETTERS = 3  # letters of an alphabet that say about as much as one Han character
MINIMUM_LETTERS, MINIMUM_WORDS = 15, 3  # a shorter side of a pair is nobody's: people say "Yes." in every film
_HAN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_SPACE = regex.compile(r"\s+")
_SLACK = 12  # letters added to both lengths, so that short pairs may differ more: "Hi." and "你好！"


def weigh(text: str) -> int:
    """Length of a text in letters of an alphabet; a Han character counts as three."""
    return len(text) + (HAN_LETTERS - 1) * len(_HAN.findall(text))


def length_ratio(source: str, target: str) -> float:
    """Of the longer to the shorter side in weighed letters, at least 1."""
    one, other = weigh(source) + _SLACK, weigh(target) + _SLACK
    return max(one, other) / min(one, other)


def find_pair_duplicates(
    pairs: Sequence[Pair], beside: Sequence[Pair] = (), progress: Progress = no_progress
) -> dict[int, str]:
    """Rows that go, with the reason.

    Of pairs that are equal but for case, width and blanks the first one stays, test before validation before training rows.
    A row is a leak where its source or its target has the fingerprint (no case, marks, digits) of a side of a row of a split
    that wins over its own, of any data set, in the same language. Sides under 15 letters (5 Han characters) or three words say
    nothing about where they come from, and dialogue is full of them: for those the fingerprints of both sides must be equal.
    The same Chinese in the other script is not seen; its English is.

    Args:
        pairs: Rows of the table.
        beside: Rows left out before, whose held-out ones are still measured on where a set is read as published.
    """
    rows = [*pairs, *(pair for pair in beside if pair.split != "train")]
    order = sorted(range(len(rows)), key=lambda row: RANK[rows[row].split])
    seen: set[tuple[Side, ...]] = set()
    sides: dict[Side, int] = {}  # first held-out row with this side
    wholes: dict[tuple[Side, ...], int] = {}
    reasons: dict[int, str] = {}
    for done, row in enumerate(order):
        if done % 5_000 == 0:
            progress(done, len(order))
        pair = rows[row]
        prints = ((pair.source_language, fingerprint(pair.source)), (pair.target_language, fingerprint(pair.target)))
        whole = tuple(sorted(prints))
        if row < len(pairs):
            earlier = [sides.get(side) for side in prints if _telling(side[1])] + [wholes.get(whole)]
            splits = [rows[other] for other in earlier if other is not None and RANK[rows[other].split] < RANK[pair.split]]
            exact = tuple(sorted(((pair.source_language, _folded(pair.source)), (pair.target_language, _folded(pair.target)))))
            if splits:
                first = min(splits, key=lambda other: RANK[other.split])
                reasons[row] = f"leak: also in {first.dataset} {first.split}"
            elif exact in seen:
                reasons[row] = "duplicate"
            seen.add(exact)
        if pair.split != "train":
            for side in prints:
                sides.setdefault(side, row)
            wholes.setdefault(whole, row)
    return reasons


def _telling(text: str) -> bool:
    """Is a fingerprint long enough to tell where it comes from?"""
    han = len(_HAN.findall(text))
    return len(text) + (HAN_LETTERS - 1) * han >= MINIMUM_LETTERS and len(text.split()) + han >= MINIMUM_WORDS


def _folded(text: str) -> str:
    return str(_SPACE.sub(" ", unicodedata.normalize("NFKC", text).casefold()))
