"""The translator's contract: what it translates, what it says of itself, and bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.decoding import DecodingConfig
from models.errors import Cancelled, CheckpointError, InputError
from models.loading import load_classifier, load_translator
from models.translator import Translator

TOY = Path(__file__).parents[2] / "checkpoints" / "toy-translation"
EXAMPLES = {
    ("en", "de"): ("The teacher buys a red apple today.", "Der Lehrer kauft heute einen roten Apfel."),
    ("de", "en"): ("Der Lehrer kauft heute einen roten Apfel.", "The teacher buys a red apple today."),
    ("en", "zh"): ("Does my sister need a new umbrella today?", "我妹妹今天需要一把新雨伞吗？"),
    ("zh", "en"): ("厨师常常忘记一本旧书。", "The cook forgets an old book often."),
}


@pytest.fixture
def toy_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TOY, tmp_path / "toy"))


@pytest.mark.parametrize("pair", EXAMPLES)
def test_translates_what_it_has_learnt(toy_translator: Translator, pair: tuple[str, str]) -> None:
    source, expected = EXAMPLES[pair]
    (found,) = toy_translator.translate([source], *pair)
    assert found.hypothesis == found.target.text == expected
    assert (found.source.text, found.source_language, found.target_language) == (source, *pair)
    assert len(found.tokens) == len(found.token_logprobs) == len(found.target.offsets)
    assert all(value <= 0 for value in (*found.token_logprobs, found.end_logprob)) and found.score > -1
    assert found.repeated is None and not found.unfinished and found.source.truncated_at is None


def test_forced_decoding_gives_back_the_score(toy_translator: Translator) -> None:
    for pair, (source, _) in EXAMPLES.items():
        (own,) = toy_translator.translate([source], *pair)
        (forced,) = toy_translator.score([source], [own.hypothesis], *pair)
        assert forced.score == pytest.approx(own.score, abs=1e-5)
        assert forced.token_logprobs == pytest.approx(own.token_logprobs, abs=1e-4)
        for alternative in own.alternatives:
            (other,) = toy_translator.score([source], [alternative.hypothesis], *pair)
            assert other.score == pytest.approx(alternative.score, abs=1e-5)


def test_a_wrong_translation_scores_less(toy_translator: Translator) -> None:
    source, right = EXAMPLES["en", "de"]
    good, bad = toy_translator.score([source] * 2, [right, "Der Koch malt heute ein blaues Pferd."], "en", "de")
    assert bad.score < good.score - 1


def test_alternatives_differ_and_are_best_first(toy_translator: Translator) -> None:
    (found,) = toy_translator.translate([EXAMPLES["en", "de"][0]], "en", "de", decoding=DecodingConfig(6, 6))
    said = [found.hypothesis, *(other.hypothesis for other in found.alternatives)]
    assert len(set(said)) == len(said) > 3
    assert found.score >= max(other.score for other in found.alternatives) - 1e-6


def test_a_table_keeps_its_order_and_repeats(toy_translator: Translator) -> None:
    texts = ["The cook sees a lamp today.", "My father needs a coat.", "The cook sees a lamp today."]
    found = toy_translator.translate(texts, "en", "de", num_beams=2)
    assert [item.source.text for item in found] == texts
    assert found[0] == found[2] != found[1]


def test_tables_have_the_translations_of_the_page(toy_translator: Translator) -> None:
    """The search of a table keeps the best hypothesis only; which one that is, its score and its warnings are those with alternatives."""
    texts = [EXAMPLES["en", "de"][0], "My father needs a coat.", "lamp lamp lamp 7", "The teacher buys a red apple today. " * 3]
    for beams in (1, 4):
        page = toy_translator.translate(texts, "en", "de", num_beams=beams)
        table = toy_translator.translate(texts, "en", "de", decoding=DecodingConfig.best(beams))
        for one, other in zip(page, table, strict=True):
            assert replace(one, alternatives=(), token_logprobs=(), end_logprob=0) == replace(other, alternatives=(), token_logprobs=(), end_logprob=0)
            assert one.token_logprobs == pytest.approx(other.token_logprobs, abs=1e-5) and not other.alternatives
    (cut,) = toy_translator.translate(texts[:1], "en", "de", decoding=DecodingConfig(4, 4, growth=0, allowance=2))
    assert cut.unfinished


def test_a_long_text_is_cut_and_says_where(toy_translator: Translator) -> None:
    text = "The teacher buys a red apple today. " * 30
    (found,) = toy_translator.translate([text], "en", "de", num_beams=1)
    assert found.source.truncated_at is not None and text[: found.source.truncated_at].strip() == text[: found.source.offsets[-1][1]].strip()
    assert len(found.source.input_ids) <= toy_translator.max_length and len(found.target.input_ids) <= toy_translator.max_length


def test_typed_tags_and_special_tokens_are_text(toy_translator: Translator) -> None:
    source = toy_translator.tokenize_source("<2de> [SEP] apple [PAD]", "en", "zh")
    ids = toy_translator.tokenizer.convert_tokens_to_ids(["<2zh>", "[SEP]"])
    assert [source.input_ids[0], source.input_ids[-1]] == ids
    assert not set(source.input_ids[1:-1]) & (set(toy_translator.tokenizer.all_special_ids) - {toy_translator.tokenizer.unk_token_id})
    assert source.special == (True, *[False] * (len(source.input_ids) - 2), True)


@pytest.mark.parametrize("text", ["Grün – «süß» 😀👍🏽 3,5 kg!", "他说：“好。”", "e\u0301tude", "  two  spaces ", "ABC def"])
def test_tokens_point_into_the_text(toy_translator: Translator, text: str) -> None:
    for side in (toy_translator.tokenize_source(text, "en", "de"), toy_translator.tokenize_target(text, "en", "de")):
        covered = "".join(side.text[start:end] for start, end in side.offsets)
        assert covered == "".join(side.text.split())
        assert [position for group in side.positions for position in group] == [n for n, special in enumerate(side.special) if not special]


@pytest.mark.parametrize(("text", "source", "target", "sentence"), [
    ("", "en", "de", "The text is empty"), (" \n", "en", "de", "The text is empty"), ("\u200b", "en", "de", "no visible character"),
    ("apple", "en", "en", "Source and target are both 'en'"), ("apple", "en", "fr", "does not translate en-fr; it knows en-de, de-en, en-zh, zh-en"),
    ("apple", "de", "zh", "does not translate de-zh"),
])
def test_bad_input_is_one_sentence(toy_translator: Translator, text: str, source: str, target: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        toy_translator.translate([text], source, target)


@pytest.mark.parametrize("text", ["12345", "!?", "😀😀", "你好 hello مرحبا", "\ud800apple", "x" * 5_000, "apple\x00pie\u202e"])
def test_odd_sources_get_an_answer(toy_translator: Translator, text: str) -> None:
    (found,) = toy_translator.translate([text], "en", "de", num_beams=2)
    assert found.target.text == found.hypothesis


def test_a_model_that_says_nothing(toy_translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.translator.search", lambda handle, rows, *args, **settings: [[[]] for _ in rows])
    (found,) = toy_translator.translate(["apple"], "en", "de")
    assert (found.hypothesis, found.tokens, found.token_logprobs, found.alternatives) == ("", (), (), ())
    assert found.score == found.end_logprob < 0


def test_scores_need_as_many_translations(toy_translator: Translator) -> None:
    with pytest.raises(InputError, match="There are 1 sources and 2 translations, expected as many"):
        toy_translator.score(["apple"], ["Apfel", "Birne"], "en", "de")


def test_name_fingerprint_and_card(toy_translator: Translator) -> None:
    assert toy_translator.name == "toy-translation" and len(toy_translator.fingerprint) == 64
    assert toy_translator.scheme.directions == (("en", "de"), ("de", "en"), ("en", "zh"), ("zh", "en"))
    assert toy_translator.card["evaluation"]["task"] == "translation"


def test_a_classifier_is_no_translator(tiny_checkpoints: Path) -> None:
    with pytest.raises(CheckpointError, match="is a bert model without encoder and decoder; load a translation model"):
        load_translator(str(tiny_checkpoints / "bert"))


def test_a_translator_is_no_classifier() -> None:
    with pytest.raises(CheckpointError):
        load_classifier(str(TOY))


def test_a_tokenizer_without_the_tag_is_refused(toy_copy: Path, change_settings: Callable[..., None]) -> None:
    change_settings(toy_copy / "config.json", directions=["en-de", "en-cs"])
    with pytest.raises(CheckpointError, match="The tokenizer has no token for the language 'cs'"):
        load_translator(str(toy_copy))


def test_a_model_without_a_start_token_is_refused(toy_copy: Path, change_settings: Callable[..., None]) -> None:
    change_settings(toy_copy / "config.json", decoder_start_token_id=None)
    with pytest.raises(CheckpointError, match=r"has no decoder_start_token_id, with which a translation starts or ends; mend config\.json"):
        load_translator(str(toy_copy))


def test_half_written_weights_are_refused(toy_copy: Path) -> None:
    weights = toy_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match="a whole safetensors file of a translation model is needed"):
        load_translator(str(toy_copy))


def test_a_model_without_directions_takes_any_pair_of_its_tags(toy_copy: Path) -> None:
    settings = json.loads((toy_copy / "config.json").read_text(encoding="utf-8"))
    del settings["directions"]
    (toy_copy / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    (toy_copy / "README.md").unlink()
    assert load_translator(str(toy_copy)).scheme.target_languages("de") == ("en", "zh")


def test_progress_rises_to_the_number_of_texts_and_scoring_can_be_cancelled(toy_translator: Translator) -> None:
    seen: list[tuple[int, int]] = []
    texts = [source for (language, _), (source, _) in EXAMPLES.items() if language == "en"]
    toy_translator.translate([*texts, texts[0]], "en", "de", progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {2} and seen[-1] == (2, 2)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def stop(done: int, total: int) -> None:
        if done == total:  # only the scores are missing
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        toy_translator.translate(texts, "en", "de", progress=stop)
