"""Noise on training texts: how many words it touches, that it is what it says, and that a seed decides it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ConfigError
from models.training.augmentation import (
    AugmentationConfig,
    Augmenter,
    add_typos,
    drop_words,
    piece_splits,
    read_lexicon,
    split_pieces,
    switch_words,
)

EVERYDAY = Path(__file__).parents[3] / "data" / "lexicons" / "everyday.jsonl"
WORDS = [f"word{number}" for number in range(20)]


def within(count: int, total: int, share: float) -> bool:
    """Whether a count lies within five standard deviations of a binomial."""
    return abs(count - total * share) < 5 * np.sqrt(total * share * (1 - share))


def changed_share(config: AugmentationConfig, tokenizer: Any, text: str, draws: int = 600) -> tuple[int, int]:
    """How many of `draws` noisy versions of a text differ from it."""
    augmenter, generator = Augmenter(config, tokenizer), np.random.default_rng(1)
    ids = np.array(tokenizer(text, add_special_tokens=False)["input_ids"])
    return sum(augmenter(ids, generator).tolist() != ids.tolist() for _ in range(draws)), draws


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_loses_its_share_of_words(share: float) -> None:
    generator = np.random.default_rng(1)
    lost = 0
    for _ in range(500):
        kept = drop_words(WORDS, share, generator)
        assert kept == [word for word in WORDS if word in kept]  # in order, nothing new
        lost += len(WORDS) - len(kept)
    assert within(lost, 500 * 19, share)  # one of the twenty always stays


def test_dropout_leaves_a_word_and_drops_characters_where_there_are_no_spaces() -> None:
    generator = np.random.default_rng(1)
    assert all(len(drop_words(["two", "words"], 1.0, generator)) == 1 for _ in range(20))
    assert drop_words(["a"], 1.0, generator) == ["a"]
    text = "这碗汤太冷了又一次"
    shorter = [drop_words([text], 0.3, generator) for _ in range(300)]
    assert all(len(words) == 1 and words[0] and set(words[0]) <= set(text) for words in shorter)
    assert within(sum(len(text) - len(words[0]) for words in shorter), 300 * (len(text) - 1), 0.3)


def test_typos_swap_lose_or_double_one_character() -> None:
    generator = np.random.default_rng(1)
    word = "abcdef"
    swaps = {word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(5)}
    losses = {word[:n] + word[n + 1 :] for n in range(5)}
    doublings = {word[:n] + word[n] + word[n:] for n in range(5)}
    seen = [add_typos([word], 1.0, generator)[0] for _ in range(600)]
    assert set(seen) == swaps | losses | doublings
    for kind in (swaps, losses, doublings):
        assert within(sum(typed in kind for typed in seen), 600, 1 / 3)


def test_typos_touch_their_share_and_no_short_word() -> None:
    generator = np.random.default_rng(2)
    words = [*WORDS, "it", "a"]
    touched = 0
    for _ in range(400):
        noisy = add_typos(words, 0.2, generator)
        assert noisy[20:] == ["it", "a"]
        touched += sum(before != after for before, after in zip(words, noisy, strict=True))
    assert within(touched, 400 * 20, 0.2)
    assert words[:20] == WORDS  # the words handed in stay as they were


def test_lexicon_of_our_own_translates_both_ways() -> None:
    lexicon = read_lexicon(EVERYDAY)
    assert {"好", "bueno", "gut", "bon", "جيد", "хорошо"} <= set(lexicon["good"])
    assert "good" in lexicon["gut"]
    assert all(word not in others for word, others in lexicon.items())
    assert all(word == word.lower() for word in lexicon)
    rows = [json.loads(line) for line in EVERYDAY.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        words = {word.lower() for key, word in row.items() if key != "sense"}
        assert all(words - {word} <= set(lexicon.get(word, ())) for word in words)


def test_switching_touches_twice_the_strength_of_known_words() -> None:
    lexicon = read_lexicon(EVERYDAY)
    generator = np.random.default_rng(3)
    words = ["Good", "xyzzy", "food", "bad"]
    switched, targets = 0, set()
    for _ in range(800):
        noisy = switch_words(words, lexicon, 0.15, generator)
        assert noisy[1] == "xyzzy"
        for before, after in zip(words, noisy, strict=True):
            if before != after:
                assert after in lexicon[before.lower()]
                switched += 1
                targets |= {after} if before == "Good" else set()
    assert within(switched, 800 * 3, 0.3)
    assert targets == set(lexicon["good"])  # every language is drawn


@pytest.mark.parametrize("key", ["word_dropout", "character_noise", "code_switching"])
def test_share_of_texts_that_are_changed(tokenizer: Any, key: str) -> None:
    config = AugmentationConfig(**{key: 0.3}, strength=1.0 if key != "code_switching" else 0.5, lexicon=str(EVERYDAY))
    count, draws = changed_share(config, tokenizer, "the food was good again and very bad")
    assert within(count, draws, 0.3)


def test_nothing_wanted_changes_nothing(tokenizer: Any) -> None:
    augmenter = Augmenter(AugmentationConfig(), tokenizer)
    ids = np.arange(5, 20)
    assert not augmenter.active
    assert augmenter(ids, np.random.default_rng(1)) is ids


def test_switched_text_reads_as_the_translation(tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text('{"sense": "soup", "en": "soup", "de": "Suppe"}\n', encoding="utf-8")
    config = AugmentationConfig(code_switching=1.0, strength=0.5, lexicon=str(tmp_path / "one.jsonl"))
    ids = np.array(tokenizer("the soup was cold", add_special_tokens=False)["input_ids"])
    assert tokenizer.decode(Augmenter(config, tokenizer)(ids, np.random.default_rng(1))) == "the suppe was cold"


def test_same_seed_same_noise(tokenizer: Any) -> None:
    config = AugmentationConfig(word_dropout=0.5, character_noise=0.5, code_switching=0.5, strength=0.5, lexicon=str(EVERYDAY))
    ids = np.array(tokenizer("the food was good again, says my aunt", add_special_tokens=False)["input_ids"])
    versions = []
    for seed in (1, 1, 2):
        augmenter, generator = Augmenter(config, tokenizer), np.random.default_rng(seed)
        versions.append([augmenter(ids, generator).tolist() for _ in range(30)])
    assert versions[0] == versions[1] != versions[2]
    assert len({tuple(ids) for ids in versions[0]}) > 15


def test_noisy_text_is_at_most_twice_as_long(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    config = AugmentationConfig(word_dropout=1.0)
    augmenter = Augmenter(config, tokenizer)
    monkeypatch.setattr("models.training.augmentation.drop_words", lambda words, share, generator: words * 50)
    long = np.array(tokenizer("the soup was cold again.", add_special_tokens=False)["input_ids"])
    assert len(augmenter(long, np.random.default_rng(1))) == 2 * max(8, len(long))
    assert len(augmenter(long[:1], np.random.default_rng(1))) == 16
    monkeypatch.setattr("models.training.augmentation.drop_words", lambda words, share, generator: [])
    assert augmenter(long, np.random.default_rng(1)) is long  # a text never becomes empty


def no_file(folder: Path) -> str:
    return str(folder / "none.jsonl")


def cut_line(folder: Path) -> str:
    (folder / "cut.jsonl").write_text('{"en": "good", "de": "gut"}\n{"en": "ba', encoding="utf-8")
    return str(folder / "cut.jsonl")


def a_list(folder: Path) -> str:
    (folder / "list.jsonl").write_text('["good", "gut"]\n', encoding="utf-8")
    return str(folder / "list.jsonl")


@pytest.mark.parametrize(("make", "sentence"), [
    (no_file, r"The lexicon .*none\.jsonl cannot be read; give a JSON Lines file"),
    (cut_line, r"cut\.jsonl line 2 is not a JSON object of language -> word"),
    (a_list, r"list\.jsonl line 1 is not a JSON object of language -> word"),
])
def test_unreadable_lexicon_is_refused(tokenizer: Any, tmp_path: Path, make: Callable[[Path], str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Augmenter(AugmentationConfig(code_switching=0.1, lexicon=make(tmp_path)), tokenizer)


def test_splits_are_all_pairs_that_spell_the_piece() -> None:
    vocabulary = {"[MASK]": 0, "<0x41>": 1, "a": 2, "b": 3, "c": 4, "ab": 5, "bc": 6, "abc": 7, "xy": 8}
    assert piece_splits(vocabulary) == {5: [(2, 3)], 6: [(3, 4)], 7: [(2, 6), (5, 4)]}


def test_split_pieces_read_the_same_and_come_as_often_as_asked(tokenizer: Any) -> None:
    splits, generator = piece_splits(tokenizer.get_vocab()), np.random.default_rng(1)
    ids = np.array(tokenizer("the soup was cold again", add_special_tokens=False)["input_ids"])
    can = sum(number in splits for number in ids.tolist())
    assert can > 3
    more = 0
    for _ in range(300):
        split = split_pieces(ids, splits, 0.3, generator)
        assert tokenizer.decode(split) == tokenizer.decode(ids)
        more += len(split) - len(ids)
    assert within(more, 300 * can, 0.3)
    assert split_pieces(ids, splits, 0.0, generator).tolist() == ids.tolist()


@pytest.mark.parametrize(("values", "sentence"), [
    ({"piece_split": 1.1}, r"piece_split is 1\.1"),
    ({"word_dropout": 1.5}, r"word_dropout is 1\.5, expected a share between 0 and 1"),
    ({"character_noise": -0.1}, r"character_noise is -0\.1"),
    ({"strength": 2.0}, r"strength is 2\.0"),
    ({"code_switching": 0.5}, r"code_switching needs `lexicon`"),
])
def test_shares_out_of_range_are_refused(values: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        AugmentationConfig(**values)
