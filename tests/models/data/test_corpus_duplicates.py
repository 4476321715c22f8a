"""Duplicates, leaks in both orders, contradicting labels and what happens to dialogues."""

from __future__ import annotations

import dataclasses

import pytest

from models.data.duplicates import Removal, find_duplicates, fingerprint, jaccard
from models.data.schema import Example

LONG = "the ferry to the island leaves at seven in the morning and comes back late in the evening"


def example(text: str, split: str = "train", label: str = "positive", *, language: str = "en", document: str = "", position: int = 0) -> Example:
    return Example(text, label, language, language, "talk", "set", split, "none", document, position)


def removed(*examples: Example, near_threshold: float = 0.8) -> list[Removal]:
    rows, unlabelled = find_duplicates(examples, near_threshold=near_threshold)
    assert not unlabelled
    return rows


def test_jaccard_by_hand() -> None:
    assert jaccard("abcdef", "abcdefg") == pytest.approx(2 / 3)  # {abcde, bcdef} and {abcde, bcdef, cdefg}
    assert jaccard("abcdef", "uvwxyz") == 0
    assert jaccard("ab", "ab") == 1


@pytest.mark.parametrize(("first", "second"), [
    ("Good tea!!!", "good  TEA"), ("@ann sooooo good https://t.co/1", "@bob sooo good"), ("ｗｉｄｅ cup", "wide cup"), ("rated 10 cups", "rated 3 cups"),
])
def test_fingerprints_that_are_equal(first: str, second: str) -> None:
    assert fingerprint(first) == fingerprint(second)


@pytest.mark.parametrize(("first", "second"), [("good tea", "good tee"), ("tea 😀", "tea 😡"), ("!!!", "???"), ("क", "कि")])
def test_fingerprints_that_differ(first: str, second: str) -> None:
    assert fingerprint(first) != fingerprint(second)


def test_the_first_of_equal_training_rows_stays() -> None:
    assert removed(example("Good tea"), example("other"), example("good tea!"), example("GOOD TEA")) == [(2, "duplicate"), (3, "duplicate")]


@pytest.mark.parametrize(("splits", "gone"), [
    (("train", "validation"), (0, "leak: also in validation")), (("validation", "train"), (1, "leak: also in validation")),
    (("train", "test"), (0, "leak: also in test")), (("test", "train"), (1, "leak: also in test")),
    (("validation", "test"), (0, "leak: also in test")), (("test", "validation"), (1, "leak: also in test")),
    (("validation", "validation"), (1, "duplicate")), (("test", "test"), (1, "duplicate")),
])
def test_held_out_rows_win_in_both_orders(splits: tuple[str, str], gone: Removal) -> None:
    assert removed(example("good tea", splits[0]), example("Good tea.", splits[1])) == [gone]


def test_a_leak_is_found_across_data_sets_and_languages() -> None:
    other = dataclasses.replace(example("good tea", "validation", language="pcm"), dataset="another")
    assert removed(example("good tea"), other) == [(0, "leak: also in validation")]


def test_contradicting_labels_leave_altogether_within_a_language() -> None:
    rows = removed(example("so so", label="negative"), example("so so", label="positive"), example("so so", label="positive"), example("fine"))
    assert rows == [(0, "contradicting labels"), (1, "contradicting labels"), (2, "contradicting labels")]
    assert removed(example("so so", label="negative"), example("so so", label="positive", language="de")) == [(1, "duplicate")]
    assert removed(example("so so", label=""), example("so so", label="positive")) == [(1, "duplicate")]
    assert removed(example("so so", "validation", "negative"), example("so so", "test", "positive")) == [(0, "leak: also in test")]


def test_near_duplicates_and_near_leaks() -> None:
    near = f"{LONG} again"
    assert 0.95 < jaccard(LONG, near) < 0.96
    assert removed(example(LONG), example(near)) == [(1, "near duplicate")]
    assert removed(example(LONG), example(near), near_threshold=0.96) == []
    for order in ((LONG, near), (near, LONG)):
        assert removed(example(order[0]), example(order[1], "validation")) == [(0, "near leak: like one in validation")]
    assert removed(example(near, "validation"), example(LONG, "validation")) == []  # held-out rows are not thinned
    assert removed(example("ten letters"), example("ten lettera")) == []  # too short for a near match


def test_a_row_that_is_gone_attracts_no_other() -> None:
    """A near duplicate of a near duplicate stays where it is far enough from everything that was kept."""
    chain = [LONG, f"{LONG} maybe today", f"{LONG} maybe today or else tomorrow"]
    assert jaccard(chain[0], chain[2]) < 0.8 < min(jaccard(chain[0], chain[1]), jaccard(chain[1], chain[2]))
    assert removed(*(example(text) for text in chain)) == [(1, "near duplicate")]
    assert removed(*(example(text) for text in chain[1:])) == [(1, "near duplicate")]


def test_dialogues_keep_order_and_lose_only_the_label() -> None:
    lines = ["Hello there", "good tea", f"{LONG} again", "yes", "no way"]
    dialogue = [example(text, document="d", position=place) for place, text in enumerate(lines)]
    others = [example("hello there", "validation"), example("good tea"), example(LONG, "test"), example("no way", label="negative"),
              example("Hello there", "validation", document="v", position=3)]
    rows, unlabelled = find_duplicates([*dialogue, *others], near_threshold=0.8)
    assert rows == [(6, "duplicate"), (8, "contradicting labels"), (9, "duplicate")]
    assert unlabelled == {row: dataclasses.replace(dialogue[row], label="") for row in (0, 2, 4)}


def test_progress_ends_with_everything() -> None:
    calls: list[tuple[int, int]] = []
    find_duplicates([example(LONG), example(LONG[::-1])], near_threshold=0.8, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (2, 2)]
