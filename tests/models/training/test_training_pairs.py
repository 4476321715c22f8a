"""Packed sentence pairs: directions, weights, batches and noise, by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.errors import ConfigError
from models.training.pair_noise import NoiseConfig, PairNoise
from models.training.pairs import IGNORED, PairBatcher, PairSampling, PairTable, languages_of, pair_rows, tag
from models.training.tokenizer import TokenizerConfig, train_tokenizer

WORDS = [("dog", "Hund", "狗"), ("cat", "Katze", "猫"), ("apple", "Apfel", "苹果"), ("house", "Haus", "房子"), ("book", "Buch", "书")]
DIRECTIONS = ("en-de", "de-en", "en-zh")


def pair(source: str, target: str, languages: str, dataset: str = "words", split: str = "train") -> dict[str, Any]:
    first, second = languages.split("-")
    return {"source": source, "target": target, "source_language": first, "target_language": second, "domain": "toy", "dataset": dataset, "split": split}


PAIRS = [
    *(pair(f"The {en} is old.", f"{de} ist alt.", "en-de") for en, de, _ in WORDS),
    *(pair(f"The {en} is new.", f"{zh}是新的。", "en-zh", "signs") for en, _, zh in WORDS[:3]),
    pair("Das ist rot.", "This is red.", "de-en", "signs"),
    pair("Only German and Chinese", "不用", "de-zh"), pair("chat", "chien", "fr-de"),
    pair("A test.", "Ein Test.", "en-de", split="test"),
    pair("word " * 60, "Wort " * 60, "en-de"),
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    texts = [side for row in PAIRS for side in (row["source"], row["target"])]
    config = TokenizerConfig(vocab_size=460, min_frequency=2, max_length=32, lowercase=False)
    return train_tokenizer(texts * 4, config, [tag(name) for name in ("de", "en", "zh")])


@pytest.fixture(scope="module")
def corpus(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> PackedCorpus:
    folder = tmp_path_factory.mktemp("pairs")
    pack_rows(pair_rows(PAIRS, languages_of(DIRECTIONS), 0), tokenizer, (), PackConfig(max_length=32), folder)
    return PackedCorpus(folder)


def table_of(corpus: PackedCorpus, *directions: str, split: str = "train") -> PairTable:
    return PairTable(corpus, directions, split=split, max_length=32)


def texts(table: PairTable, tokenizer: Any) -> list[tuple[str, str, str]]:
    read = table.corpus.input_ids
    return [(table.directions[number], tokenizer.decode(read(int(source))), tokenizer.decode(read(int(target))))
            for number, source, target in zip(table.direction, table.source, table.target, strict=True)]


def test_case_marks_and_widths_survive(tokenizer: Any) -> None:
    for text in ("The Dog – „Hund“", "狗是新的，对吗？", "Ünïcode 3,5 😀"):
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_a_text_is_closed_and_not_opened(tokenizer: Any) -> None:
    ids = tokenizer("<2de> The dog")["input_ids"]
    assert ids[0] == tokenizer.convert_tokens_to_ids("<2de>") and ids[-1] == tokenizer.sep_token_id and tokenizer.cls_token_id not in ids
    split = tokenizer("<2de> The dog", split_special_tokens=True)["input_ids"]
    assert tokenizer.convert_tokens_to_ids("<2de>") not in split


def test_pairs_serve_the_directions_asked_for(corpus: PackedCorpus, tokenizer: Any) -> None:
    found = texts(table_of(corpus, *DIRECTIONS), tokenizer)
    assert Counter(direction for direction, _, _ in found) == {"en-de": 6, "de-en": 6, "en-zh": 3}
    assert ("de-en", "Das ist rot.", "This is red.") in found and ("en-de", "This is red.", "Das ist rot.") in found
    assert ("en-zh", "The dog is new.", "狗是新的。") in found
    assert not any("chat" in source or "Only" in source or "word" in source for _, source, _ in found)


def test_held_out_pairs_stay_out(corpus: PackedCorpus, tokenizer: Any) -> None:
    assert texts(table_of(corpus, "en-de", split="test"), tokenizer) == [("en-de", "A test.", "Ein Test.")]


def test_a_direction_without_pairs_is_one_sentence(corpus: PackedCorpus) -> None:
    with pytest.raises(ConfigError, match="There is no training pair zh-fr; take it out of `directions`"):
        table_of(corpus, "en-de", "zh-fr")


@pytest.mark.parametrize("direction", ["en", "en-en", "en-de-zh", "en-de-en", "-de", ""])
def test_directions_are_two_languages(direction: str) -> None:
    assert languages_of(["en-zh", "de-en"]) == ("de", "en", "zh")
    with pytest.raises(ConfigError, match="is not two different languages such as en-zh"):
        languages_of([direction])


def test_development_pairs_are_taken_by_their_content() -> None:
    rows = [pair(f"sentence {number}", f"Satz {number}", "en-de") for number in range(600)]
    split = [row["split"] for row in pair_rows(rows, ("de", "en"), 10)]
    assert split[::2] == split[1::2] and 30 < split[::2].count("development") < 95
    assert split == [row["split"] for row in pair_rows(rows, ("de", "en"), 10)]
    assert {row["split"] for row in pair_rows(rows, ("de", "en"), 0)} == {"train"}


def test_weights_by_hand(corpus: PackedCorpus) -> None:
    table = table_of(corpus, *DIRECTIONS)
    plain = table.weights(PairSampling())
    assert plain == pytest.approx(np.full(15, 1 / 15))
    flat = table.weights(PairSampling(temperature=1e9))
    for number in range(3):
        assert flat[table.direction == number].sum() == pytest.approx(1 / 3)
    signs = corpus.manifest["datasets"].index("signs")
    doubled = table.weights(PairSampling(weights={"signs": 2.0, "signs/en-zh": 3.0}))
    raw = np.where(table.dataset == signs, 2.0, 1.0) * np.where((table.dataset == signs) & (table.direction == 2), 3.0, 1.0)
    assert doubled == pytest.approx(raw / raw.sum())


@pytest.mark.parametrize("key", ["nowhere", "signs/zh-en"])
def test_weights_of_unknown_names_are_one_sentence(corpus: PackedCorpus, key: str) -> None:
    with pytest.raises(ConfigError, match=f"sampling weights name '{key}'; data sets are"):
        table_of(corpus, *DIRECTIONS).weights(PairSampling(weights={key: 2.0}))


@pytest.mark.parametrize("settings", [{"temperature": 0.5}, {"weights": {"signs": -1.0}}])
def test_sampling_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected 1 or more, and weights of 0 or more"):
        PairSampling(**settings)


def test_batches_are_shifted_tagged_and_padded(corpus: PackedCorpus, tokenizer: Any) -> None:
    table = table_of(corpus, *DIRECTIONS)
    batch = PairBatcher(table, tokenizer, 32).batch(np.arange(len(table)), 1, 0)
    for row in range(len(table)):
        source, target = table.corpus.input_ids(int(table.source[row])), table.corpus.input_ids(int(table.target[row]))
        asked = tokenizer.convert_tokens_to_ids(tag(table.directions[table.direction[row]].split("-")[1]))
        length, said = int(batch.attention_mask[row].sum()), int((batch.labels[row] != IGNORED).sum())
        assert batch.input_ids[row, :length].tolist() == [asked, *source, tokenizer.sep_token_id]
        assert batch.labels[row, :said].tolist() == [*target, tokenizer.sep_token_id]
        assert batch.decoder_input_ids[row, :said].tolist() == [tokenizer.sep_token_id, *target]
        assert set(batch.input_ids[row, length:].tolist()) <= {tokenizer.pad_token_id}
        assert set(batch.labels[row, said:].tolist()) <= {IGNORED}
    assert table.lengths().tolist() == [[int(batch.attention_mask[row].sum()), int((batch.labels[row] != IGNORED).sum())] for row in range(len(table))]


def test_joined_pairs_are_of_one_data_set_and_direction(corpus: PackedCorpus, tokenizer: Any) -> None:
    table = table_of(corpus, *DIRECTIONS)
    batch = PairBatcher(table, tokenizer, 64, NoiseConfig(concatenation=1.0)).batch(np.arange(len(table)), 1, 0)
    for row in range(len(table)):
        source = tokenizer.decode(batch.input_ids[row], skip_special_tokens=True)
        target = tokenizer.decode([n for n in batch.labels[row].tolist() if n != IGNORED], skip_special_tokens=True)
        assert source.count("The") + source.count("This") + source.count("Das") + source.count("ist alt") in (2, 3), source
        assert len([mark for mark in target if mark in ".。"]) == 2, target
        if table.directions[table.direction[row]] == "en-zh":
            assert target.count("新") == source.count("new") == 2


def test_the_same_step_gives_the_same_noise(corpus: PackedCorpus, tokenizer: Any) -> None:
    data = PairBatcher(table_of(corpus, *DIRECTIONS), tokenizer, 64, NoiseConfig(typos=0.5, case=0.5, concatenation=0.5, piece_split=0.2))
    first, again, other = (data.batch(np.arange(8), 1, step) for step in (3, 3, 4))
    assert first.input_ids.tolist() == again.input_ids.tolist() != other.input_ids.tolist()


@pytest.mark.parametrize(("config", "changed"), [
    (NoiseConfig(), lambda text: text), (NoiseConfig(case=1.0), str.lower), (NoiseConfig(piece_split=1.0), lambda text: text),
])
def test_noise_on_a_source(tokenizer: Any, config: NoiseConfig, changed: Any) -> None:
    text = "The Apple is OLD."
    ids = np.array(tokenizer(text, add_special_tokens=False)["input_ids"])
    said = {tokenizer.decode(PairNoise(config, tokenizer)(ids, np.random.default_rng(seed))) for seed in range(12)}
    assert said <= {changed(text), text.upper()} and changed(text) in said
    if config.piece_split:
        assert len(PairNoise(config, tokenizer)(ids, np.random.default_rng(0))) > len(ids)


def test_masked_pieces_stand_where_the_others_stood(tokenizer: Any) -> None:
    ids, mask = np.array(tokenizer("The dog is old. " * 4, add_special_tokens=False)["input_ids"]), tokenizer.mask_token_id
    noise, generator = PairNoise(NoiseConfig(masking=1.0), tokenizer), np.random.default_rng(1)
    draws = [noise(ids, generator) for _ in range(200)]
    assert all((drawn[drawn != mask] == ids[drawn != mask]).all() for drawn in draws)
    shares = np.array([(drawn == mask).mean() for drawn in draws])
    assert shares.min() < 0.1 and shares.max() > 0.9 and 0.4 < shares.mean() < 0.6  # a rate of its own for every source
    half = PairNoise(NoiseConfig(masking=0.5), tokenizer)
    assert 0.3 < np.mean([(half(ids, generator) != ids).any() for _ in range(200)]) < 0.7


def test_typing_errors_touch_some_words(tokenizer: Any) -> None:
    text = "The apple house is very old today"
    ids = np.array(tokenizer(text, add_special_tokens=False)["input_ids"])
    said = tokenizer.decode(PairNoise(NoiseConfig(typos=1.0, strength=0.5), tokenizer)(ids, np.random.default_rng(1)))
    assert said != text and len(said.split()) == len(text.split())
    assert sum(one == other for one, other in zip(said.split(), text.split(), strict=True)) >= 2


@pytest.mark.parametrize("name", ["typos", "case", "concatenation", "piece_split", "masking", "strength"])
def test_shares_out_of_range(name: str) -> None:
    with pytest.raises(ConfigError, match=f"noise {name} is 1.5, expected a share between 0 and 1"):
        NoiseConfig(**{name: 1.5})
