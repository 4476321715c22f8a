"""Reading hand alignments, and what the shipped ones promise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from models.errors import InputError
from models.text import check_text
from xai.gold_alignments import FOLDER, PAIRS, AlignedPair, read_alignments

FIELDS = {"id": "en-de-01", "source": "She gave up, finally.", "target": "Sie gab endlich auf.",
          "source_words": ["She", "gave", "up", ",", "finally", "."], "target_words": ["Sie", "gab", "endlich", "auf", "."],
          "sure": [[0, 0], [1, 1], [2, 1], [1, 3], [2, 3], [4, 2], [5, 4]], "possible": [[3, 2], [0, 0]]}
MARKS = re.compile(r"[^\w]+")


def read(folder: Path, *lines: dict[str, Any] | str) -> list[AlignedPair]:
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    (folder / "en-de.jsonl").write_text(text, encoding="utf-8")
    return read_alignments("en-de", folder=folder)


def test_a_line_becomes_a_pair(tmp_path: Path) -> None:
    (pair,) = read(tmp_path, FIELDS)
    assert (pair.id, pair.source, pair.target) == ("en-de-01", "She gave up, finally.", "Sie gab endlich auf.")
    assert pair.source_words == ("She", "gave", "up", ",", "finally", ".")
    assert pair.source_offsets == ((0, 3), (4, 8), (9, 11), (11, 12), (13, 20), (20, 21))
    assert pair.target_offsets == ((0, 3), (4, 7), (8, 15), (16, 19), (19, 20))
    assert pair.sure == {(0, 0), (1, 1), (2, 1), (1, 3), (2, 3), (4, 2), (5, 4)}
    assert pair.possible == pair.sure | {(3, 2)}


def test_words_are_found_in_order_where_they_repeat(tmp_path: Path) -> None:
    (pair,) = read(tmp_path, {**FIELDS, "target": "越 大越大", "target_words": ["越", "大", "越", "大"], "sure": [[0, 3]], "possible": []})
    assert pair.target_offsets == ((0, 1), (2, 3), (3, 4), (4, 5))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"note": "x"}, "line 2 is not an aligned pair .it has an unknown field note"),
        ({"sure": "0-0"}, "line 2 is not an aligned pair .sure is str, expected a list"),
        ({"target": None}, "line 2 is not an aligned pair .target is NoneType, expected a string"),
        ({"source_words": ["She", "gives"]}, "line 2 has the source word 'gives' where its source goes on with 'gave up, finally.'; mend"),
        ({"target_words": ["Sie", "gab", "auf", "endlich", "."]}, "line 2 has the target word 'auf' where its target goes on with 'endlich auf.'"),
        ({"source_words": ["She", "gave", "up", ",", "finally"], "sure": [[0, 0]]}, r"line 2 has '\.' at the end of its source and not among its source_words"),
        ({"source_words": ["She", "", "gave"]}, "line 2 has '' among its source_words"),
        ({"source_words": ["She", 4]}, "line 2 has 4 among its source_words, expected words"),
        ({"sure": [[0, 5]]}, r"line 2 has the sure link \[0, 5\] outside its 6 source and 5 target words; count from 0"),
        ({"possible": [[-1, 0]]}, r"line 2 has the possible link \[-1, 0\] outside"),
        ({"possible": [[0]]}, r"line 2 has the possible link \[0\], expected \[source word, target word\]"),
        ({"sure": [[0, True]]}, r"line 2 has the sure link \[0, True\], expected"),
        ({"sure": ["00"]}, "line 2 has the sure link '00', expected"),
        ({"sure": []}, "line 2 has no sure link, expected at least one"),
        ({"id": "en-de-01"}, "line 2 has the id 'en-de-01' of a line before it"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, FIELDS, {**FIELDS, "id": "en-de-02", **changed})


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"line 1 is not an aligned pair .*{name}"):
        read(tmp_path, {key: value for key, value in FIELDS.items() if key != name})


def test_an_unknown_language_pair_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no hand alignments for 'en-fr'; choose one of en-de, en-zh"):
        read_alignments("en-fr")
    with pytest.raises(InputError, match=r"en-zh\.jsonl cannot be read"):
        read_alignments("en-zh", folder=tmp_path)


@pytest.mark.parametrize("pair", PAIRS)
def test_the_shipped_pairs_are_many_short_and_different(pair: str) -> None:
    found = read_alignments(pair)
    assert len(found) >= 60
    for side in ("source", "target"):
        texts = [getattr(aligned, side) for aligned in found]
        assert len({MARKS.sub("", text.casefold()) for text in texts}) == len(texts)
        assert all(check_text(text) == text for text in texts)
    lengths = [len([word for word in aligned.source_words if not MARKS.fullmatch(word)]) for aligned in found]
    assert min(lengths) >= 4
    assert max(lengths) <= 16
    assert 7 <= sum(lengths) / len(lengths) <= 12
    assert all(re.fullmatch(rf"{pair}-\d\d", aligned.id) for aligned in found)


@pytest.mark.parametrize("pair", PAIRS)
def test_offsets_cut_the_words_out_of_the_sentence(pair: str) -> None:
    for aligned in read_alignments(pair):
        assert tuple(aligned.source[start:end] for start, end in aligned.source_offsets) == aligned.source_words
        assert tuple(aligned.target[start:end] for start, end in aligned.target_offsets) == aligned.target_words


@pytest.mark.parametrize("pair", PAIRS)
def test_most_words_are_linked(pair: str) -> None:
    for aligned in read_alignments(pair):
        assert len({target for _, target in aligned.possible}) >= 0.6 * len(aligned.target_words), aligned.id
        assert len({source for source, _ in aligned.possible}) >= 0.6 * len(aligned.source_words), aligned.id
        assert len(aligned.sure) >= 0.3 * len(aligned.target_words), aligned.id
        last = (len(aligned.source_words) - 1, len(aligned.target_words) - 1)
        assert last in aligned.sure, f"{aligned.id}: the final marks belong together"


@pytest.mark.parametrize("pair", PAIRS)
def test_words_change_places(pair: str) -> None:
    # A pair has crossing links where one sure link runs against another; without these a straight diagonal would do.
    found = read_alignments(pair)
    crossing = [any(a < c and b > d for a, b in aligned.sure for c, d in aligned.sure) for aligned in found]
    assert sum(crossing) >= 0.7 * len(found)


@pytest.mark.parametrize(("pair", "limit"), [("en-de", 0.45), ("en-zh", 0.5)])
def test_a_straight_diagonal_is_far_from_right(pair: str, limit: float) -> None:
    hits = links = 0
    for aligned in read_alignments(pair):
        rows, columns = len(aligned.source_words), len(aligned.target_words)
        diagonal = {((2 * column + 1) * rows // (2 * columns), column) for column in range(columns)}
        hits += len(diagonal & aligned.sure) + len(diagonal & aligned.possible)
        links += len(diagonal) + len(aligned.sure)
    assert 1 - hits / links > limit


def test_chinese_is_simplified_and_segmented() -> None:
    for aligned in read_alignments("en-zh"):
        assert "".join(aligned.target_words) == aligned.target
        "".join(re.findall(r"[\u3400-\u9fff]", aligned.target)).encode("gb2312")
        assert max(len(word) for word in aligned.target_words) <= 4, aligned.id


def test_the_card_says_what_the_files_hold() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for pair in PAIRS:
        found = read_alignments(pair)
        words = [sum(len(getattr(aligned, f"{side}_words")) for aligned in found) for side in ("source", "target")]
        sure, more = sum(len(aligned.sure) for aligned in found), sum(len(aligned.possible - aligned.sure) for aligned in found)
        assert f"| {pair} | {len(found)} | {words[0]} | {words[1]} | {sure} | {more} |" in card
