"""The tokenizer: no unknowns, byte fallback, offsets into the text as typed, and nothing special to be typed."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigError
from models.training.tokenizer import BYTE_TOKENS, SPECIAL_TOKENS, TokenizerConfig, balanced_texts, load_tokenizer, train_tokenizer

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
SCRIPTS = {
    "chinese": "服务态度真是“好”极了,等了两个小时!",
    "arabic": "الخدمة كانت سيئة جدا والأكل بارد.",
    "thai": "บริการดีมากแต่อาหารแพงไปหน่อย",
    "hindi": "अस्पताल की कैंटीन का खाना अच्छा नहीं था।",
    "amharic": "የአዲስ ዓመት ምሳ በጣም ጣፋጭ ነበር።",
    "family": f"my family {FAMILY} and a 🏳️\u200d🌈 flag 👍🏽",
    "old-persian": "𐎠𐎼𐎡𐎹 ancient",
    "meitei": "ꯃꯤꯇꯩ ꯂꯣꯟ",
    "cherokee": "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
    "tifinagh": "ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "music": "𝄞 ☃ ∰ ￼",
    "capitals": "ÅNGSTRÖM ИЗБА ΑΘΗΝΑ",
}


def pieces(tokenizer: Any, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_no_text_has_unknown_or_special_pieces(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) > 3
    assert min(ids) >= len(SPECIAL_TOKENS), tokenizer.convert_ids_to_tokens(ids)


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_decoding_gives_the_normalised_text_back(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids) == unicodedata.normalize("NFKC", text).lower()


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_offsets_slice_the_text_as_typed(tokenizer: Any, text: str) -> None:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    covered: set[int] = set()
    for piece, (start, end) in zip(encoded.tokens(), encoded["offset_mapping"], strict=True):
        assert 0 <= start < end <= len(text)
        covered |= set(range(start, end))
        if piece in BYTE_TOKENS:
            assert end - start == 1  # all bytes of a character point at that character
            assert int(piece[1:5], 16) in unicodedata.normalize("NFKC", text[start:end]).lower().encode()
        elif piece != "▁":
            assert unicodedata.normalize("NFKC", text[start:end]).lower().strip() == piece.removeprefix("▁")
    assert [text[place] for place in range(len(text)) if place not in covered] == []


def test_characters_outside_the_alphabet_become_their_utf8_bytes(tokenizer: Any) -> None:
    # U+16A0 (runic fehu) is E1 9A A0 in UTF-8; U+1F98A (fox) is F0 9F A6 8A.
    assert pieces(tokenizer, "ᚠ") == ["▁", "<0xE1>", "<0x9A>", "<0xA0>"]
    assert pieces(tokenizer, "🦊") == ["▁", "<0xF0>", "<0x9F>", "<0xA6>", "<0x8A>"]
    encoded = tokenizer("ᚠ🦊", add_special_tokens=False, return_offsets_mapping=True)
    assert encoded["offset_mapping"][1:] == [(0, 1)] * 3 + [(1, 2)] * 4


@pytest.mark.parametrize("typed", [*SPECIAL_TOKENS, "<0x41>", "<0xE4>", "a[MASK]b [CLS][SEP]", "[mask]"])
def test_typing_a_special_token_makes_none(tokenizer: Any, tmp_path: Path, typed: str) -> None:
    tokenizer.save_pretrained(tmp_path)
    for candidate in (tokenizer, load_tokenizer(tmp_path)):
        ids = candidate(typed, add_special_tokens=False)["input_ids"]
        assert min(ids) >= len(SPECIAL_TOKENS)
        assert not any(piece in ("<0x41>", "<0xE4>") for piece in candidate.convert_ids_to_tokens(ids))
        assert candidate.decode(ids) == typed.lower()  # so nothing of it was dropped either
        assert candidate(typed)["input_ids"] == [candidate.cls_token_id, *ids, candidate.sep_token_id]


def test_case_and_compatibility_forms_are_one(tokenizer: Any) -> None:
    assert pieces(tokenizer, "ＴＨＥ Soup") == pieces(tokenizer, "the soup")
    assert pieces(tokenizer, "the \t\n soup") == pieces(tokenizer, "the soup")


def test_digits_and_punctuation_stand_alone(tokenizer: Any) -> None:
    assert pieces(tokenizer, "2024!!")[1:] == [*(f"<0x{ord(c):02X}>" for c in "2024"), "!", "!"]


def test_saved_tokenizer_gives_the_same_ids(tokenizer: Any, table_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    texts = [*SCRIPTS.values(), *(row["text"] for row in table_rows)]
    assert loaded(texts)["input_ids"] == tokenizer(texts)["input_ids"]
    assert loaded(texts[0], texts[1])["input_ids"] == tokenizer(texts[0], texts[1])["input_ids"]
    assert (len(loaded), loaded.model_max_length, loaded.mask_token_id) == (len(tokenizer), 48, 4)


def test_pairs_have_two_separators_and_two_types(tokenizer: Any) -> None:
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("the soup", "our bus"))
    encoded = tokenizer("the soup", "our bus", return_token_type_ids=True)
    assert encoded["input_ids"] == [2, *first, 3, *second, 3]
    assert encoded["token_type_ids"] == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def test_settings_limit_vocabulary_and_pieces() -> None:
    config = TokenizerConfig(vocab_size=300, min_frequency=2, max_piece_length=4, limit_alphabet=12)
    texts = ["everything everywhere", "everything everyone"] * 3
    small, longer = train_tokenizer(texts, config), train_tokenizer(texts, replace(config, max_piece_length=16))
    assert len(small) <= 300
    learnt = [piece for piece in small.get_vocab() if piece not in SPECIAL_TOKENS + BYTE_TOKENS]
    assert max(len(piece) for piece in learnt) <= 4 < max(len(piece) for piece in longer.get_vocab() if piece not in BYTE_TOKENS + SPECIAL_TOKENS)
    assert sum(len(piece) == 1 for piece in learnt) <= 12
    assert small.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2, 3, 4]


def test_no_room_for_byte_tokens_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"vocab_size is 261, expected more than 261"):
        train_tokenizer(["text"], TokenizerConfig(vocab_size=261))


def test_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tokenizer\.json does not exist; run the tokenizer stage first"):
        load_tokenizer(tmp_path)


def rows_of(language: str, count: int, dataset: str = "d") -> list[dict[str, Any]]:
    return [{"text": f"{language}{number:08d}", "language": language, "dataset": dataset} for number in range(count)]


def test_without_temperature_every_text_counts_once() -> None:
    rows = rows_of("en", 50) + rows_of("fr", 5)
    assert list(balanced_texts(rows, TokenizerConfig())) == [row["text"] for row in rows]


def test_temperature_weighs_languages_by_the_root_of_their_characters() -> None:
    rows = rows_of("en", 9000) + rows_of("fr", 1000)  # roots 3 : 1, so 7,500 and 2,500 of the 10,000
    texts = list(balanced_texts(rows, TokenizerConfig(temperature=2.0)))
    french = sum(text.startswith("fr") for text in texts)
    assert french == pytest.approx(2500, abs=100)
    assert len(texts) - french == pytest.approx(7500, abs=200)
    assert texts == list(balanced_texts(rows, TokenizerConfig(temperature=2.0)))


def test_named_data_sets_count_more_often() -> None:
    rows = rows_of("en", 10) + rows_of("en", 10, "tweets")
    texts = list(balanced_texts(rows, TokenizerConfig(repeats={"tweets": 6})))
    assert len(texts) == 70
