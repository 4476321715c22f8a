"""Forced scores against a plain forward pass, and batches of beams against one sentence at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.decoding import DecodingConfig, score_targets, search
from models.errors import Cancelled, InputError, ModelError
from models.translator import Translator

SENTENCES = ("The teacher buys a red apple today.", "My sister does not see a small car at home.", "Does the cook need a new cup again?",
             "The child paints a horse in summer.", "In the city the driver sells an old watch.")


def sources(translator: Translator, target: str = "de") -> list[tuple[int, ...]]:
    return [translator.tokenize_source(text, "en", target).input_ids for text in SENTENCES]


def plain_scores(translator: Translator, source: tuple[int, ...], target: tuple[int, ...]) -> np.ndarray:
    """One forward pass without padding, mask or shared encoder."""
    with torch.inference_mode():
        logits = translator.model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([target[:-1]])).logits[0]
    said = logits.log_softmax(-1)
    return np.array([said[place, number] for place, number in enumerate(target[1:])])


def pairs_of(translator: Translator) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    targets = [translator.tokenize_target(text, "en", "de").input_ids
               for text in ("Der Lehrer kauft.", "Nein.", "Braucht der Koch wieder eine neue Tasse?", "Das Kind malt im Sommer ein Pferd.")]
    return [(source, target) for source in sources(translator) for target in targets]


def test_scores_are_those_of_a_plain_forward_pass(toy_translator: Translator) -> None:
    pairs = pairs_of(toy_translator)
    for (source, target), said in zip(pairs, score_targets(toy_translator, pairs), strict=True):
        assert said == pytest.approx(plain_scores(toy_translator, source, target), abs=1e-4)


@pytest.mark.parametrize("budget", [1, 60, 100_000])
def test_batches_change_no_score(toy_translator: Translator, budget: int) -> None:
    pairs = pairs_of(toy_translator)
    expected = score_targets(toy_translator, pairs)
    for one, other in zip(expected, score_targets(toy_translator, pairs, token_budget=budget), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_equal_pairs_are_evaluated_once(toy_translator: Translator) -> None:
    pair = pairs_of(toy_translator)[0]
    seen: list[tuple[int, int]] = []
    first, second = score_targets(toy_translator, [pair, pair], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 1)] and (first == second).all()
    assert score_targets(toy_translator, []) == []


def test_the_encoder_sees_a_source_once(toy_translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [pair for pair in pairs_of(toy_translator) if pair[0] == sources(toy_translator)[0]]
    encoder, rows = toy_translator.model.get_encoder(), []

    def counted(**inputs: Any) -> Any:
        rows.append(len(inputs["input_ids"]))
        return encoder(**inputs)

    monkeypatch.setattr(toy_translator.model, "get_encoder", lambda: counted)
    score_targets(toy_translator, pairs)
    assert rows == [1]


def test_values_that_are_not_numbers_are_refused(toy_translator: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    head = toy_translator.model.lm_head
    monkeypatch.setattr(head, "forward", lambda hidden: torch.full((*hidden.shape[:-1], head.out_features), float("nan")))
    with pytest.raises(ModelError, match="gives values that are not numbers"):
        score_targets(toy_translator, pairs_of(toy_translator)[:1])


def one_by_one(translator: Translator, row: tuple[int, ...], config: DecodingConfig) -> list[list[int]]:
    """What transformers' own search gives for one sentence."""
    found = translator.model.generate(input_ids=torch.tensor([row]), num_beams=config.num_beams, num_return_sequences=config.alternatives,
                                      max_new_tokens=config.room(len(row), translator.max_length), do_sample=False, early_stopping=False)
    special = set(translator.tokenizer.all_special_ids) - {translator.tokenizer.unk_token_id}
    return [[number for number in hypothesis if number not in special] for hypothesis in found.tolist()]


@pytest.mark.parametrize("config", [DecodingConfig(1, 1), DecodingConfig(4, 3), DecodingConfig(5, 5)])
def test_a_table_gets_the_translations_of_single_sentences(toy_translator: Translator, config: DecodingConfig) -> None:
    rows = [*sources(toy_translator), *sources(toy_translator, "zh")]
    found = search(toy_translator, [*rows, rows[0]], config, positions=toy_translator.max_length)
    assert found[:-1] == [one_by_one(toy_translator, row, config) for row in rows]
    assert found[-1] == found[0]


def test_search_never_runs_past_the_positions(toy_translator: Translator) -> None:
    long = [toy_translator.tokenize_source("apple " * 200, "en", "de").input_ids]
    assert len(long[0]) <= toy_translator.max_length
    (hypotheses,) = search(toy_translator, long, DecodingConfig(2, 2, growth=50), positions=toy_translator.max_length)
    assert all(len(hypothesis) <= toy_translator.max_length - 2 for hypothesis in hypotheses)


def test_search_can_be_stopped_between_batches(toy_translator: Translator) -> None:
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        search(toy_translator, sources(toy_translator), DecodingConfig(1, 1), positions=48, progress=stop)
    assert len(seen) == 1 and seen[0][0] < seen[0][1] == len(SENTENCES)


@pytest.mark.parametrize(("beams", "alternatives", "sentence"), [
    (0, 1, "num_beams is 0, expected 1 to 16"), (17, 1, "num_beams is 17"),
    (2, 3, "alternatives is 3, expected 1 to num_beams .2."), (2, 0, "alternatives is 0"),
])
def test_widths_out_of_range_are_one_sentence(beams: int, alternatives: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        DecodingConfig(beams, alternatives)


def test_room_by_hand() -> None:
    assert DecodingConfig().room(10, 128) == 40
    assert DecodingConfig().room(100, 128) == 126
    assert DecodingConfig(growth=0.0, allowance=0).room(5, 128) == 1
