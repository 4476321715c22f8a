"""Pairs that repeat, pairs that leak from a held-out set into training, and how unlike the lengths of two sides are."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import regex

from models.data.duplicates import fingerprint
from models.data.pairs import Pair

RANK = {"test": 0, "validation": 1, "train": 2}
HAN_LETTERS = 3  # letters of an alphabet that say about as much as one Han character
MINIMUM_LETTERS, MINIMUM_WORDS = 25, 5  # a shorter side of a pair is nobody's: people say "What are you doing?" in every film
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


def find_pair_duplicates(pairs: Sequence[Pair]) -> dict[int, str]:
    """Rows that go, with the reason.

    Of pairs that are equal but for case, width and blanks the first one stays, test before validation before training rows.
    A row is a leak where its source or its target has the fingerprint (no case, marks, digits) of a side of a row of a split
    that wins over its own, of any data set, in the same language. Sides under 25 letters (8 Han characters) or five words say
    nothing about where they come from, and dialogue is full of them: for those the fingerprints of both sides must be equal.
    """
    order = sorted(range(len(pairs)), key=lambda row: RANK[pairs[row].split])
    seen: set[tuple[tuple[str, str], ...]] = set()
    sides: dict[tuple[str, str], int] = {}  # language and fingerprint -> first row
    wholes: dict[tuple[tuple[str, str], ...], int] = {}
    reasons: dict[int, str] = {}
    for row in order:
        pair = pairs[row]
        exact = tuple(sorted(((pair.source_language, _folded(pair.source)), (pair.target_language, _folded(pair.target)))))
        prints = ((pair.source_language, fingerprint(pair.source)), (pair.target_language, fingerprint(pair.target)))
        whole = tuple(sorted(prints))
        earlier = [sides.get(side) for side in prints if _telling(side[1])] + [wholes.get(whole)]
        leaks = [pairs[other] for other in earlier if other is not None and RANK[pairs[other].split] < RANK[pair.split]]
        if leaks:
            first = min(leaks, key=lambda other: RANK[other.split])
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
