"""Exact and near duplicates, leaks between splits and contradicting labels."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import regex
from rensa import RMinHash, RMinHashLSH

from models.data.schema import Example
from models.progress import Progress, no_progress

_MASK = regex.compile(r"@\w+|https?\S*|\[username\]|\[url\]|\d+")
_MARKS = regex.compile(r"[^\p{L}\p{M}\p{Emoji_Presentation}\p{So}]+")
_REPEATED = regex.compile(r"(.)\1{2,}")
PERMUTATIONS, BANDS = 64, 8  # finds pairs of Jaccard 0.8 with probability 0.77, of 0.9 with 0.99
SHINGLE = 5  # characters
MINIMUM_LENGTH = 40  # characters of a fingerprint under which only equality counts
Removal = tuple[int, str]  # row, reason


def fingerprint(text: str) -> str:
    """The text as duplicates see it: no case, width, digits, names, links, punctuation; runs of a character cut to two."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = _REPEATED.sub(r"\1\1", _MARKS.sub(" ", _MASK.sub(" ", folded))).strip()
    return plain or folded.strip()


def find_duplicates(
    examples: Sequence[Example], *, near_threshold: float, progress: Progress = no_progress
) -> tuple[list[Removal], dict[int, Example]]:
    """Which rows go, and which only lose their label because they are part of an ordered dialogue.

    Test rows win over validation, validation over training rows, the first of equal training rows over later ones.
    A training row equal to a held-out row of any data set is a leak; equal training rows of one language whose labels
    contradict are all left out.

    Args:
        near_threshold: Jaccard similarity of character 5-grams from which two texts are near duplicates (0-1).

    Returns:
        Removed rows with reasons, and replaced rows: number -> the example without its label.
    """
    prints = [fingerprint(example.text) for example in examples]
    keys = [int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()) for text in prints]
    reasons = _exact(examples, keys)
    near = _near(examples, prints, reasons, near_threshold, progress)
    reasons.update(near)
    removed, unlabelled = [], {}
    for row, reason in sorted(reasons.items()):
        if examples[row].document and examples[row].split == "train":
            unlabelled[row] = replace(examples[row], label="")
        else:
            removed.append((row, reason))
    return removed, unlabelled


def jaccard(first: str, second: str) -> float:
    """Similarity of the sets of character 5-grams (0-1)."""
    one, other = set(_shingles(first)), set(_shingles(second))
    return len(one & other) / max(1, len(one | other))


def _exact(examples: Sequence[Example], keys: list[int]) -> dict[int, str]:
    rank = {"test": 0, "validation": 1, "train": 2}
    order = sorted(range(len(examples)), key=lambda row: rank[examples[row].split])
    labels: dict[tuple[int, str], set[str]] = {}
    for row in order:
        example = examples[row]
        if example.split == "train" and example.label:
            labels.setdefault((keys[row], example.language), set()).add(example.label)
    seen: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for row in order:
        example, key = examples[row], keys[row]
        first = seen.get(key)
        if first is None:
            seen[key] = example.split
        if example.split != "train":
            if first is not None:
                reasons[row] = "duplicate" if first == example.split else f"leak: also in {first}"
        elif first is not None and first != "train":
            reasons[row] = f"leak: also in {first}"
        elif example.label and len(labels[key, example.language]) > 1:
            reasons[row] = "contradicting labels"
        elif first is not None:
            reasons[row] = "duplicate"
    return reasons


def _near(
    examples: Sequence[Example], prints: list[str], gone: dict[int, str], threshold: float, progress: Progress
) -> dict[int, str]:
    """Training rows that nearly equal a held-out row or an earlier training row."""
    index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=BANDS)
    rows = [row for row in range(len(examples)) if row not in gone and len(prints[row]) >= MINIMUM_LENGTH]
    rows.sort(key=lambda row: examples[row].split == "train")
    reasons: dict[int, str] = {}
    for done, row in enumerate(rows):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update(_shingles(prints[row]))
        if examples[row].split == "train":
            for other in index.query(sketch):
                if jaccard(prints[row], prints[other]) >= threshold:
                    held_out = examples[other].split != "train"
                    reasons[row] = f"near leak: like one in {examples[other].split}" if held_out else "near duplicate"
                    break
        if row not in reasons:
            index.insert(row, sketch)
        if done % 5_000 == 0:
            progress(done, len(rows))
    progress(len(rows), len(rows))
    return reasons


def _shingles(text: str) -> list[str]:
    return [text[place : place + SHINGLE] for place in range(max(1, len(text) - SHINGLE + 1))]
