"""Cleaning at the border: exact results, nothing changed without need, one sentence for what cannot be used."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.text import MAX_CHARACTERS, check_text, clean_text, hidden_characters, visible_marks

ANYTHING = st.text(st.characters(), max_size=60)  # with lone surrogates, which st.text leaves out by itself
FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(("text", "cleaned"), [
    ("plain", "plain"),
    ("a\ud800b", "a\ufffdb"),
    ("\udc00\udc00a", "\ufffd\ufffda"),
    ("\ud83d\ude00", "😀"),
    ("a\x00b\x07c\x7fd\x85e", "abcde"),
    ("a\tb\r\nc", "a\tb\r\nc"),
    ("cafe\u0301", "café"),
    ("\ufeffbom stays", "\ufeffbom stays"),
    ("\u202eabc\u202c", "\u202eabc\u202c"),
    ("fi ½ ㎏", "fi ½ ㎏"),
    (FAMILY, FAMILY),
    ("می\u200cخواهم", "می\u200cخواهم"),
], ids=range(12))
def test_cleaning_by_hand(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@given(ANYTHING)
@example("\u0344\x00\u0301")
@settings(max_examples=100, deadline=None, derandomize=True)
def test_cleaned_text_is_whole_and_stays(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not [character for character in cleaned if unicodedata.category(character) == "Cc" and character not in "\t\n\r"]


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_good_text_is_only_normalised(text: str) -> None:
    assert clean_text(text) == unicodedata.normalize("NFC", text)


@given(ANYTHING)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_check_gives_clean_text_or_refuses(text: str) -> None:
    try:
        assert check_text(text) == clean_text(text)
    except InputError as error:
        assert error.key in ("text-empty", "text-invisible")
        assert not any(character.isalnum() for character in clean_text(text))


@pytest.mark.parametrize("text", ["", " ", "\t\r\n", "\u3000", "\x00\x00", "\u00a0"])
def test_empty_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^The text is empty; type or choose a sentence.$") as caught:
        check_text(text)
    assert caught.value.key == "text-empty"


@pytest.mark.parametrize("text", ["\u200b\u200d", "\u202e\u202c", "\ufeff", "\u0301", "\U000e0041", "\u2060 \u00ad"])
def test_invisible_text_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no visible character") as caught:
        check_text(text)
    assert caught.value.key == "text-invisible"


@pytest.mark.parametrize("text", [None, b"bytes", 7, ["a"], float("nan")])
def test_only_strings_are_text(text: object) -> None:
    with pytest.raises(InputError, match=f"The text is {type(text).__name__}, expected a string"):
        check_text(text)  # type: ignore[arg-type]


def test_a_megabyte_is_cut_after_cleaning() -> None:
    assert check_text("x" * 1_000_000) == "x" * MAX_CHARACTERS
    assert check_text("e\u0301" * 30, max_characters=20) == "é" * 20
    assert check_text("\x00" * 30 + "abc", max_characters=10) == "abc"


def test_marks_are_named_and_shown() -> None:
    text = "a\u202eb\u200bc\u00ad\ufeff"
    assert hidden_characters(text) == ["RLO", "ZWSP", "SHY", "BOM"]
    assert visible_marks(text) == "a⟦RLO⟧b⟦ZWSP⟧c⟦SHY⟧⟦BOM⟧"


@pytest.mark.parametrize("text", [FAMILY, "می\u200cخواهم", "क्\u200dष"])
def test_joiners_that_spell_are_no_marks(text: str) -> None:
    assert hidden_characters(text) == []
    assert visible_marks(text) == text


@given(ANYTHING)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_as_many_marks_are_shown_as_named(text: str) -> None:
    assert visible_marks(text).count("⟦") - text.count("⟦") == len(hidden_characters(text))
