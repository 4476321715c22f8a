"""Offsets a person can point at: exact, ascending, never overlapping, for every tokenizer and every script."""

from __future__ import annotations

import contextlib
import itertools
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.classifier import Classifier
from models.errors import InputError, ModelError
from models.loading import load_classifier
from models.text import check_text
from models.tokens import EncodedText, TokenizedText, encode_texts, tokenize, tokenize_checked, word_numbers
from tests.conftest import TEXTS

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
HARD_TEXTS = {
    "nfd": unicodedata.normalize("NFD", "Ça été déjà vu, Ünal! Việt Nam"),
    "family": f"my {FAMILY}{FAMILY} 🏳️\u200d🌈👍🏽 ok",
    "emoji-only": "😀😀🎉",
    "thai": "บริการดีมาก แต่อาหารแพงไปหน่อย",
    "chinese": "服务态度真是“好”极了,等了两个小时!㍿㌔",
    "arabic": "الخِدْمَةُ كانت سيئة جدًّا ﷺ ﻻ",
    "amharic": "የአዲስ ዓመት ምሳ በጣም ጣፋጭ ነበር።",
    "surrogate": "good \ud83d film \udc00",
    "null": "go\x00od \x07film",
    "bidi": "\u202egood\u202c \u2066film\u2069",
    "zero-width": "go\u200bod\u2060 \u200d film\ufeff",
    "typed-specials": "[PAD] </s> <s> [CLS][MASK] <0x41> ▁▁ ##ing",
    "widening": "İSTANBUL ß ﬃ ½ ㎏ ²",
    "spaces": "  a \u3000 b\t\tc \n",
    "one-line": "x" * 5_000,
    "marks": "Z" + "\u0300" * 300 + " zalgo",
}
ALPHABET = st.one_of(
    st.characters(), st.sampled_from(sorted(set("".join([*TEXTS, *HARD_TEXTS.values()])))), st.sampled_from(" \n\u200b\u200d\u202e\u0301▁#<[")
)


def check_parts(handle: Classifier, found: TokenizedText) -> None:
    """Everything the docstring of `TokenizedText` promises."""
    assert all(0 <= start < end <= len(found.text) for start, end in found.offsets)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(found.offsets))
    assert all(token and token == token.strip() for token in found.tokens)
    assert sorted(itertools.chain(*found.positions)) == [place for place, flag in enumerate(found.special) if not flag]
    assert list(itertools.chain(*found.positions)) == sorted(itertools.chain(*found.positions))
    assert all(found.positions)
    assert found.word_ids[0] == 0
    assert all(after - before in (0, 1) for before, after in itertools.pairwise(found.word_ids))
    assert len(found.input_ids) == len(found.special) <= handle.max_length
    assert found.truncated_at == (found.offsets[-1][1] if found.text[found.offsets[-1][1]:].strip() else None)


@pytest.mark.parametrize("text", [*TEXTS, *HARD_TEXTS.values()], ids=[*map(str, range(len(TEXTS))), *HARD_TEXTS])
def test_parts_fit_together(tiny_classifier: Classifier, text: str) -> None:
    found = tokenize(tiny_classifier, text)
    assert found.text == check_text(text)
    check_parts(tiny_classifier, found)


@given(text=st.text(ALPHABET, max_size=80))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_parts_fit_together_for_anything(tiny_classifier: Classifier, text: str) -> None:
    try:
        found = tokenize(tiny_classifier, text)
    except InputError as error:
        assert error.key in ("text-empty", "text-invisible", "text-no-token")
        return
    check_parts(tiny_classifier, found)


@given(text=st.text(ALPHABET, max_size=30))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_own_tokenizer_loses_nothing_visible(tiny_bert: Classifier, text: str) -> None:
    try:
        found = tokenize(tiny_bert, text)
    except InputError as error:
        assert error.key != "text-no-token"
        return
    covered = {place for start, end in found.offsets for place in range(start, end)}
    seen = found.text if found.truncated_at is None else found.text[: found.truncated_at]
    assert not [character for place, character in enumerate(seen) if place not in covered and character.isalnum()]


def test_the_ids_are_the_tokenizers_own(tiny_bert: Classifier) -> None:
    assert list(tokenize(tiny_bert, TEXTS[0]).input_ids) == tiny_bert.tokenizer(TEXTS[0])["input_ids"]


def test_typed_special_tokens_are_plain_text(tiny_classifier: Classifier) -> None:
    tokenizer = tiny_classifier.tokenizer
    for word in {tokenizer.pad_token, tokenizer.mask_token, tokenizer.sep_token, tokenizer.cls_token}:
        found = tokenize(tiny_classifier, f"a {word} b")
        assert found.special.count(True) == tokenizer.num_special_tokens_to_add()
        inner = [number for number, flag in zip(found.input_ids, found.special, strict=True) if not flag]
        assert tokenizer.convert_tokens_to_ids(word) not in inner


def test_long_text_is_cut_where_it_says(tiny_classifier: Classifier) -> None:
    text = "ok " * 200
    found = tokenize(tiny_classifier, text)
    assert len(found.input_ids) == tiny_classifier.max_length
    assert found.truncated_at == found.offsets[-1][1] < len(text)
    head = tokenize(tiny_classifier, text[: found.truncated_at])
    assert head.input_ids == found.input_ids
    assert head.truncated_at is None


def test_a_megabyte_on_one_line_is_quick(tiny_classifier: Classifier) -> None:
    started = time.perf_counter()
    found = tokenize(tiny_classifier, "the film was ok " * 65_536)
    assert time.perf_counter() - started < 2
    assert found.truncated_at is not None
    assert len(found.text) == 20_000


def test_text_without_any_token_is_refused(tiny_checkpoints: Path) -> None:
    handle = load_classifier(str(tiny_checkpoints / "distilbert"))  # this tokenizer drops U+FFFD
    with pytest.raises(InputError, match="nothing that this model's tokenizer can read") as caught:
        tokenize(handle, "\ufffd")
    assert caught.value.key == "text-no-token"


def test_checked_text_is_not_cleaned_again(tiny_bert: Classifier) -> None:
    text = unicodedata.normalize("NFD", "é ok")
    assert tokenize_checked(tiny_bert, text).text == text
    assert tokenize(tiny_bert, text).text == "é ok"


def spans_of(*pieces: str) -> tuple[tuple[int, int], ...]:
    """Spans of pieces that stand in a text one after another, blanks left out."""
    ends = list(itertools.accumulate(len(piece) for piece in pieces))
    return tuple((end - len(piece), end) for piece, end in zip(pieces, ends, strict=True) if piece.strip())


@pytest.mark.parametrize(("pieces", "numbers"), [
    (("ab", " ", "cd"), (0, 1)),
    (("un", "believ", "able"), (0, 0, 0)),
    (("can", "'", "t"), (0, 0, 0)),
    (("end", "."), (0, 1)),
    (("so", "-", "so"), (0, 1, 2)),
    (("3", ".", "5"), (0, 0, 0)),
    (("服务", "态度"), (0, 1)),
    (("บริ", "การ"), (0, 1)),
    (("ok", "好", "ok"), (0, 1, 2)),
    (("오늘", " ", "회", "의"), (0, 1, 1)),
    (("👨", "\u200d", "👩"), (0, 0, 0)),
    (("👍", "🏽", "👍"), (0, 0, 1)),
    (("a", "\u0301", "b"), (0, 0, 0)),
], ids=range(13))
def test_words_by_hand(pieces: tuple[str, ...], numbers: tuple[int, ...]) -> None:
    assert word_numbers("".join(pieces), spans_of(*pieces)) == numbers


def test_tokens_are_slices() -> None:
    found = TokenizedText("ab cd", (1, 5, 6, 2), (True, False, False, True), ((0, 2), (3, 5)), ((1,), (2,)), (0, 1), None)
    assert found.tokens == ("ab", "cd")


@pytest.mark.parametrize(("special", "positions"), [((True,), ((0,),)), ((True, False), ())])
def test_parts_of_different_length_are_refused(special: tuple[bool, ...], positions: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ModelError, match="expected equally many"):
        TokenizedText("a", (1, 2), special, ((0, 1),), positions, (0,), None)


def test_slow_tokenizer_points_at_unknown_pieces(tiny_checkpoints: Path) -> None:
    handle = load_classifier(str(tiny_checkpoints / "slow"))
    assert tokenize(handle, "good ☃☃ film").tokens[-5:] == ("☃☃", "f", "i", "l", "m")
    assert "".join(tokenize(handle, "GOOD Film").tokens) == "GOODFilm"


def test_without_an_unknown_piece_typed_specials_stay(tiny_checkpoints: Path) -> None:
    handle = load_classifier(str(tiny_checkpoints / "xlm-roberta"))
    unknown, padding = handle.tokenizer.unk_token_id, handle.tokenizer.pad_token_id
    assert padding not in tokenize(handle, "a <pad> b").input_ids
    assert unknown in tokenize(handle, "a <pad> b").input_ids
    handle.tokenizer.unk_token = None
    assert padding in tokenize(handle, "a <pad> b").input_ids


def alone(handle: Classifier, text: str) -> EncodedText | None:
    try:
        found = tokenize_checked(handle, text)
    except InputError:
        return None
    return EncodedText(text, found.input_ids, found.truncated_at)


def test_texts_encoded_together_are_those_encoded_alone(tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_classifier
    texts = [check_text(text) for text in [*TEXTS, *HARD_TEXTS.values(), "long words " * 400, "x", "y \u3000", "ends in \u0301"]]
    monkeypatch.setattr("models.tokens.ENCODED_TOGETHER", 7)
    assert encode_texts(model, texts) == [alone(model, text) for text in texts]
    assert any(found is not None and found.truncated_at for found in encode_texts(model, texts))


@given(texts=st.lists(st.text(ALPHABET, max_size=30), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_texts_encoded_together_are_those_encoded_alone(tiny_classifier: Classifier, texts: list[str]) -> None:
    usable = []
    for text in texts:
        with contextlib.suppress(InputError):
            usable.append(check_text(text))
    assert encode_texts(tiny_classifier, usable) == [alone(tiny_classifier, text) for text in usable]
