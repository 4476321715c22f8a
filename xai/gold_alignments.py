"""Sentence pairs aligned by hand, to measure whether attention and attributions find the word that a word comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.json_lines import check_fields, read_records

FOLDER = Path(__file__).resolve().parents[1] / "data" / "alignments"
PAIRS = ("en-de", "en-zh")
LISTS = ("source_words", "target_words", "sure", "possible")


@dataclass(frozen=True)
class AlignedPair:
    """A sentence, its translation, and which words of the two belong together.

    Attributes:
        id: Language pair and number, e.g. en-de-07.
        source, target: The two sentences.
        source_words, target_words: Their words and punctuation marks, in order; together all that is not blank.
        source_offsets, target_offsets: Start and end of every word in its sentence, in characters.
        sure: Links (source word, target word), from 0, that every alignment must have.
        possible: All links that an alignment may have, the sure ones among them (S ⊆ P of Och & Ney 2003).
    """

    id: str
    source: str
    target: str
    source_words: tuple[str, ...]
    target_words: tuple[str, ...]
    source_offsets: tuple[tuple[int, int], ...]
    target_offsets: tuple[tuple[int, int], ...]
    sure: frozenset[tuple[int, int]]
    possible: frozenset[tuple[int, int]]


def read_alignments(pair: str, *, folder: Path = FOLDER) -> list[AlignedPair]:
    """All hand-aligned sentence pairs of a language pair, such as "en-de", in the order of the file.

    Raises:
        InputError: There is no such language pair, or its file is missing or has a line that is not an aligned pair.
    """
    if pair not in PAIRS:
        raise InputError(f"There are no hand alignments for {pair!r}; choose one of {', '.join(PAIRS)}.")
    return read_records(folder / f"{pair}.jsonl", _read_pair, what="an aligned pair")


def _read_pair(fields: dict[str, Any]) -> AlignedPair:
    check_fields(fields, lists=LISTS)
    extra = sorted(set(fields) - {"id", "source", "target", *LISTS})
    if extra:
        raise TypeError(f"it has an unknown field {extra[0]}")
    offsets = {side: _find_words(fields, side) for side in ("source", "target")}
    sure, possible = (_read_links(fields, kind, (len(offsets["source"]), len(offsets["target"]))) for kind in ("sure", "possible"))
    if not sure:
        raise InputError("has no sure link, expected at least one; align it or take the line out.")
    return AlignedPair(
        id=fields["id"],
        source=fields["source"],
        target=fields["target"],
        source_words=tuple(fields["source_words"]),
        target_words=tuple(fields["target_words"]),
        source_offsets=offsets["source"],
        target_offsets=offsets["target"],
        sure=sure,
        possible=sure | possible,
    )


def _find_words(fields: dict[str, Any], side: str) -> tuple[tuple[int, int], ...]:
    """Offsets of the words, which must cover all of the sentence but blanks."""
    text, offsets, end = fields[side], [], 0
    for word in fields[f"{side}_words"]:
        if not isinstance(word, str) or not word.strip():
            raise InputError(f"has {word!r} among its {side}_words, expected words with something to see.")
        start = len(text) - len(text[end:].lstrip())
        if not text.startswith(word, start):
            raise InputError(f"has the {side} word {word!r} where its {side} goes on with {text[start : start + 20]!r}; mend one of the two.")
        end = start + len(word)
        offsets.append((start, end))
    if text[end:].strip():
        raise InputError(f"has {text[end:].strip()!r} at the end of its {side} and not among its {side}_words; add it.")
    return tuple(offsets)


def _read_links(fields: dict[str, Any], kind: str, shape: tuple[int, int]) -> frozenset[tuple[int, int]]:
    links = set()
    for link in fields[kind]:
        if not isinstance(link, list) or len(link) != 2 or any(type(index) is not int for index in link):
            raise InputError(f"has the {kind} link {link!r}, expected [source word, target word] as two whole numbers.")
        if not (0 <= link[0] < shape[0] and 0 <= link[1] < shape[1]):
            raise InputError(f"has the {kind} link {link!r} outside its {shape[0]} source and {shape[1]} target words; count from 0.")
        links.add((link[0], link[1]))
    return frozenset(links)
