"""Measures of a ranking: by hand and by brute force on small games, false positives on random scores, a planted word, a shuffled model."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from sklearn.metrics import auc

from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.loading import load_classifier
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import METHODS, rankings
from xai.attribution import Attribution
from xai.faithfulness import measure_faithfulness, scores_by_word
from xai.masking import MaskedOutput
from xai.rankings import LEVEL, compared_rankings, measure_ranking
from xai.stability import shuffled_copy
from xai.trust import UNSIGNED

KEY = "oma"
PLANTED = {KEY: 0.5, "bad": 0.15, "gar": 0.15, "at": 0.15}  # what each adds to the probability of positive
FILLERS = ("the", "was", "film", "nicht", "mal", "so")
TEXT = "the was film at mal so the gar nicht was the bad so mal film oma was the so film"


def additive(weights: list[float] | np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A model whose output is the sum of the weights of the words that stay."""
    return lambda kept: np.asarray(kept @ np.asarray(weights, dtype=float))


def saturating(weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The same through a logistic function."""
    return lambda kept: np.asarray(1 / (1 + np.exp(-(kept @ weights))))


@pytest.fixture(scope="module")
def planted(tiny_checkpoints: Path) -> Classifier:
    """A tiny model that was taught that KEY does most to make a text positive, three more words a little, and the rest, masked or not, nothing."""
    model, generator = load_classifier(str(tiny_checkpoints / "bert")), np.random.default_rng(1)
    held = generator.random((960, len(PLANTED))) < 0.5
    texts = [" ".join(generator.permutation([*generator.choice(FILLERS, generator.integers(2, 16)), *np.array([*PLANTED])[row]])) for row in held]
    batch = model.tokenizer(texts, padding=True, return_tensors="pt")
    share = torch.from_numpy(0.02 + held @ np.array([*PLANTED.values()])).float()
    gold = torch.stack([torch.zeros(960), 1 - share, share], dim=1)
    fillers = torch.tensor(model.tokenizer(" ".join(FILLERS), add_special_tokens=False)["input_ids"])
    missing = torch.isin(batch["input_ids"], fillers) & torch.from_numpy(generator.random(batch["input_ids"].shape) < 0.5)
    input_ids = batch["input_ids"].masked_fill(missing, model.tokenizer.mask_token_id)
    optimizer = torch.optim.Adam(model.model.requires_grad_(True).parameters(), lr=2e-3)
    for part in torch.arange(960).view(20, 48).repeat(10, 1):
        logits = model.model(input_ids=input_ids[part], attention_mask=batch["attention_mask"][part]).logits
        loss = torch.nn.functional.kl_div(logits.log_softmax(-1), gold[part], reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.model.requires_grad_(False)
    whole, less = (said.probabilities["positive"] for said in model.predict([TEXT, TEXT.replace(KEY, "mal")]))
    assert whole > 0.7 and whole - less > 0.3
    return model


@pytest.fixture
def without_tau(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict does not use it, and it takes most of the time of games."""
    monkeypatch.setattr(rankings, "_leave_one_out", lambda *_: None)


def test_by_hand_on_ten_words() -> None:
    """Weights 10, 9, ..., 1 of 55 in all; 1, 5 and 10 % of ten words are one word, 20 % two, 50 % five."""
    weights = np.arange(10, 0, -1.0)
    found = measure_ranking(additive(weights), weights)
    assert found.counts == (1, 1, 1, 2, 5)
    assert found.comprehensiveness.value == pytest.approx((10 + 10 + 10 + 19 + 40) / 5)
    assert found.sufficiency.value == pytest.approx((45 + 45 + 45 + 36 + 15) / 5)
    assert found.steps == tuple(range(11))
    assert found.deletion_curve == pytest.approx([55, 45, 36, 28, 21, 15, 10, 6, 3, 1, 0])
    assert found.insertion_curve == pytest.approx([0, 10, 19, 27, 34, 40, 45, 49, 52, 54, 55])
    assert found.deletion.value == pytest.approx(auc(np.arange(11) / 10, found.deletion_curve))
    assert found.insertion.value == pytest.approx(auc(np.arange(11) / 10, found.insertion_curve))
    assert found.kendall_tau is not None and found.kendall_tau.value == pytest.approx(1)
    assert (found.verdict, found.reason, found.movement) == ("faithful", "", 55)
    assert [measure.p_value for measure in (found.comprehensiveness, found.sufficiency, found.deletion, found.insertion)] == [1 / 102] * 4
    turned = measure_ranking(additive(weights), -weights)
    assert turned.verdict == "worse than chance" and turned.comprehensiveness.p_worse == 1 / 102 and turned.comprehensiveness.p_value == 1
    assert turned.kendall_tau is not None and turned.kendall_tau.value == pytest.approx(-1)


def test_four_words_against_every_ranking() -> None:
    """A game with an interaction; all 24 rankings, each measured by its definition."""

    def output(kept: np.ndarray) -> np.ndarray:
        return np.asarray(kept @ np.array([0.3, -0.1, 0.2, 0.05]) + 0.25 * kept[:, 0] * kept[:, 3])

    scores = np.array([0.2, 0.4, -0.3, 0.1])
    found = measure_ranking(output, scores)
    full, everything = float(output(np.ones((1, 4), bool))[0]), set(range(4))

    def said(kept: set[int]) -> float:
        return float(output(np.isin(np.arange(4), list(kept))[None])[0])

    table = []
    for ranking in itertools.permutations(range(4)):
        tops = [set(ranking[:count]) for count in (1, 1, 1, 1, 2)]
        deletion = [said(everything - set(ranking[:count])) for count in range(5)]
        insertion = [said(set(ranking[:count])) for count in range(5)]
        dealt = np.empty(4)
        dealt[list(ranking)] = sorted(scores, reverse=True)
        falls = [full - said(everything - {word}) for word in range(4)]
        table.append((np.mean([full - said(everything - top) for top in tops]), np.mean([full - said(top) for top in tops]),
                      auc(np.arange(5) / 4, deletion), auc(np.arange(5) / 4, insertion), kendalltau(dealt, falls).statistic))
    rows = np.array(table)
    own = list(itertools.permutations(range(4))).index((1, 0, 3, 2))
    measures = (found.comprehensiveness, found.sufficiency, found.deletion, found.insertion, found.kendall_tau)
    for measure, column in zip(measures, rows.T, strict=True):
        assert measure is not None and measure.value == pytest.approx(column[own])
        assert measure.random_mean == pytest.approx(column.mean())
        assert (measure.low, measure.high) == pytest.approx(np.quantile(column, [0.025, 0.975]))
        sign, equal = (1 if measure.higher_is_better else -1), 0.01 * np.ptp(column)
        assert measure.p_value == pytest.approx(np.mean(sign * column >= sign * column[own] - equal))
        assert measure.p_worse == pytest.approx(np.mean(sign * column <= sign * column[own] + equal))
        assert measure.best_p == pytest.approx(np.mean(sign * column >= max(sign * column) - equal))
    assert found.rankings == 24 and found.smallest_p == 1 / 12  # 4 first words, and then 3 second ones
    assert (found.verdict, found.reason) == ("cannot tell", "too few words")


@pytest.mark.parametrize("words", [1, 2, 3, 5])
def test_too_few_words_cannot_tell(words: int) -> None:
    weights = np.arange(words, 0, -1.0)
    found = measure_ranking(additive(weights), weights)
    assert (found.verdict, found.reason) == ("cannot tell", "too few words")
    assert found.smallest_p == {1: 1, 2: 1 / 2, 3: 1 / 6, 5: 1 / 30}[words] > LEVEL


def test_six_words_are_enough() -> None:
    weights = np.array([32.0, 16, 8, 4, 2, 1])
    found = measure_ranking(additive(weights), weights)
    assert found.verdict == "faithful" and found.smallest_p == 1 / 102  # there are 120 that differ at 1, 2 and 3 words
    with pytest.raises(InputError, match="A ranking has the verdict 'fine' and the reason '', expected one of"):
        replace(found, verdict="fine")


@pytest.mark.parametrize("words", [6, 12, 30])
@pytest.mark.usefixtures("without_tau")
def test_random_scores_leave_chance_as_rarely_as_said(words: int) -> None:
    """2.5 % to each side of 200 seeds; 10 of 200 come with a chance of 2 % where the rate is exactly 2.5 %."""
    generator = np.random.default_rng(words)
    verdicts = [measure_ranking(saturating(generator.normal(size=words)), generator.normal(size=words), seed=seed).verdict for seed in range(200)]
    assert verdicts.count("not better than chance") >= 0.94 * 200
    assert verdicts.count("faithful") <= 0.05 * 200 and verdicts.count("worse than chance") <= 0.05 * 200


@pytest.mark.usefixtures("without_tau")
def test_p_values_of_random_rankings_are_uniform() -> None:
    """Exact: over all rankings of six words, p <= a in a share of at most a, and nearly so where there are no ties."""
    generator = np.random.default_rng(0)
    weights = generator.normal(size=6)
    p_values = [measure_ranking(additive(weights), np.argsort(ranking).astype(float), seed=number).insertion.p_value
                for number, ranking in enumerate(itertools.permutations(range(6)))]
    for level in (0.025, 0.05, 0.1, 0.25, 0.5):
        assert np.mean(np.array(p_values) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 720)
    assert np.mean(np.array(p_values) <= 0.5) > 0.4


def test_equal_scores_have_no_opinion() -> None:
    """An explanation that gives all words the same is a random one, though the words stand in the order of their weight."""
    weights = np.arange(12, 0, -1.0)
    found = [measure_ranking(additive(weights), np.zeros(12), seed=seed) for seed in range(100)]
    assert sum(one.verdict == "faithful" for one in found) <= 5
    assert all(one.kendall_tau is None for one in found)


def test_a_model_that_does_not_move_has_nothing_to_explain() -> None:
    weights = np.arange(12, 0, -1.0)
    found = measure_ranking(additive(weights / 1e4), weights)
    assert found.movement == pytest.approx(0.0078) and (found.verdict, found.reason) == ("cannot tell", "nothing to explain")
    assert measure_ranking(additive(weights / 1e2), weights).verdict == "faithful"
    cancelling = np.repeat([1.0, -1.0], 6)
    assert measure_ranking(additive(cancelling), cancelling).verdict == "faithful"  # all gone says the same as all there, but not in between


def test_one_word_that_decides_is_found_by_luck_too_often() -> None:
    weights = np.eye(20)[7]
    found = measure_ranking(additive(weights), weights)
    assert (found.verdict, found.reason) == ("cannot tell", "few words decide")
    assert found.comprehensiveness.is_best and found.comprehensiveness.best_p > LEVEL
    assert measure_ranking(additive(weights), -weights).verdict == "not better than chance"
    several = np.repeat([1.0, 0.0], [4, 16])
    assert measure_ranking(additive(several), several).verdict == "faithful"


def test_where_anything_is_enough_the_other_measure_decides() -> None:
    """Any of six words is enough, all of them are needed to change the output."""

    def output(kept: np.ndarray) -> np.ndarray:
        return np.asarray(kept[:, :6].any(1), dtype=float)

    good = measure_ranking(output, np.repeat([1.0, 0.0], [6, 6]))
    assert good.sufficiency.best_p > LEVEL and good.sufficiency.is_best and good.comprehensiveness.p_value <= LEVEL
    assert good.verdict == "faithful"
    assert measure_ranking(output, np.repeat([0.0, 1.0], [6, 6])).verdict == "not better than chance"


def test_rankings_come_with_their_reverse_and_are_seeded() -> None:
    scores = np.random.default_rng(0).normal(size=9)
    drawn = compared_rankings(scores, 40, 3)
    assert drawn.shape == (42, 9) and (np.sort(drawn, axis=1) == np.arange(9)).all()
    assert (drawn[::2] == drawn[1::2, ::-1]).all() and (drawn[0] == np.argsort(-scores)).all()
    assert np.array_equal(drawn, compared_rankings(scores, 40, 3)) and not np.array_equal(drawn[2:], compared_rankings(scores, 40, 4)[2:])
    assert len({tuple(row) for row in compared_rankings(scores[:4], 40, 0).tolist()}) == 24


def test_a_long_text_is_followed_at_some_points_only() -> None:
    weights = np.random.default_rng(0).normal(size=300)
    found = measure_ranking(additive(weights), weights)
    assert found.counts == (3, 15, 30, 60, 150) and set(found.counts) < set(found.steps) and len(found.steps) <= 25
    every = np.concatenate([[0], np.cumsum(np.sort(weights)[::-1])])
    assert found.insertion_curve == pytest.approx(every[list(found.steps)])
    assert found.insertion.value == pytest.approx(auc(np.arange(301) / 300, every), rel=0.01)


@pytest.mark.parametrize("text", TEXTS[:3])
def test_removal_is_masking(tiny_classifier: Classifier, text: str) -> None:
    """The curves of an explanation by tokens, from masks of the words' tokens one at a time."""
    explanation = METHODS["occlusion"](tiny_classifier, text)
    found = measure_faithfulness(tiny_classifier, explanation, baselines=40)
    words, scores = scores_by_word(explanation)
    order, owners = np.argsort(-scores), np.array(explanation.word_ids)
    output = MaskedOutput(tiny_classifier, text, explanation.target)
    deletion = [float(output(~np.isin(owners, order[:count]))[0]) for count in found.measures.steps]
    insertion = [float(output(np.isin(owners, order[:count]))[0]) for count in found.measures.steps]
    assert found.measures.deletion_curve == pytest.approx(deletion, abs=1e-6) and found.measures.insertion_curve == pytest.approx(insertion, abs=1e-6)
    assert deletion[0] == pytest.approx(explanation.value, abs=1e-6) and deletion[-1] == pytest.approx(explanation.base_value, abs=1e-6)
    assert found.measures.words == len(words) and found.target == explanation.target and found.output == "probability"
    assert found.measures == measure_faithfulness(tiny_classifier, explanation.words(), baselines=40).measures
    if found.measures.kendall_tau is not None:  # without a word of several tokens, occlusion is leaving one out
        falls = np.array([output.value - float(output(owners != word)[0]) for word in range(len(words))])
        assert found.measures.kendall_tau.value == pytest.approx(kendalltau(scores, falls.round(6)).statistic)
    assert json.loads(json.dumps(found.to_json_dict()))["measures"]["comprehensiveness"]["value"] == found.measures.comprehensiveness.value


def by_chance(explanation: Attribution, seed: int) -> Attribution:
    """The same explanation with random scores."""
    return replace(explanation, scores=np.random.default_rng(seed).normal(size=len(explanation.tokens)))


@pytest.mark.parametrize("method", [name for name in METHODS if name not in UNSIGNED])
def test_a_planted_word_comes_first_and_is_faithful(planted: Classifier, method: str) -> None:
    explanation = METHODS[method](planted, TEXT, "positive")
    words, scores = scores_by_word(explanation)
    ranked = [words[word] for word in np.argsort(-scores)]
    assert ranked[0] == KEY and set(ranked[:4]) == set(PLANTED)
    assert measure_faithfulness(planted, explanation).measures.verdict == "faithful"


def test_an_explanation_that_misses_the_planted_word_is_told_apart(planted: Classifier) -> None:
    """The same scores with KEY's at the end."""
    explanation = METHODS["occlusion"](planted, TEXT, "positive").words()
    scores = explanation.scores.copy()
    scores[explanation.tokens.index(KEY)] = -1
    found = measure_faithfulness(planted, replace(explanation, scores=scores)).measures
    assert found.verdict == "not better than chance" and found.comprehensiveness.value < 0.5 * 0.6


def test_random_attributions_of_a_model_are_not_faithful(planted: Classifier) -> None:
    explanation = METHODS["occlusion"](planted, TEXT, "positive")
    verdicts = [measure_faithfulness(planted, by_chance(explanation.words(), seed), baselines=40, seed=seed).measures.verdict for seed in range(40)]
    assert verdicts.count("faithful") <= 3 and verdicts.count("not better than chance") >= 36


def test_explanations_of_a_shuffled_model_turn_red(planted: Classifier) -> None:
    verdicts = []
    for seed in range(5):
        shuffled = shuffled_copy(planted, seed)
        for method in ("integrated_gradients", "input_x_gradient", "occlusion"):
            verdicts.append(measure_faithfulness(planted, METHODS[method](shuffled, TEXT, "positive"), baselines=40).measures.verdict)
    assert verdicts.count("faithful") <= 1
    assert verdicts.count("not better than chance") + verdicts.count("worse than chance") >= 13


def test_translations_lose_log_probability(tiny_translator: Translator) -> None:
    """Words of the source are removed, the translation stays: its log-probability by the model's own scoring."""
    languages = {"source_language": "en", "target_language": "zh"}
    explanation = METHODS["occlusion"](tiny_translator, f"{SENTENCES[0]} {SENTENCES[3]}", SENTENCES[1], **languages)
    found = measure_faithfulness(tiny_translator, explanation, baselines=40)
    words, scores = scores_by_word(explanation)
    assert found.measures.words == len(words) and found.output == "log_probability" and found.target == explanation.hypothesis
    assert scores == pytest.approx(explanation.source_scores.sum(0) @ (np.array(explanation.source.word_ids)[:, None] == np.arange(len(words))))
    assert found.measures.insertion_curve[-1] == pytest.approx(explanation.values.sum(), abs=1e-4)
    (said,) = tiny_translator.score([explanation.source.text], [explanation.hypothesis], "en", "zh")
    assert found.measures.deletion_curve[0] == pytest.approx(sum(said.token_logprobs), abs=1e-4)
    assert said.token_logprobs and found.measures.comprehensiveness.p_value <= 0.1


def test_bad_input_gets_one_sentence(tiny_bert: Classifier, tiny_m2m100: Translator) -> None:
    explanation = METHODS["occlusion"](tiny_bert, TEXTS[0])
    for wrong in (38, 41):
        with pytest.raises(InputError, match=f"There are {wrong} random rankings, expected an even number from 40 on"):
            measure_faithfulness(tiny_bert, explanation, baselines=wrong)
    with pytest.raises(InputError, match="are of different tasks; measure an explanation on a model of its own task"):
        measure_faithfulness(tiny_m2m100, explanation)
    shorter = METHODS["occlusion"](tiny_bert, "not bad")
    moved = replace(shorter, text="not bad at all")
    with pytest.raises(InputError, match="The explanation has 2 words, bert reads 4 in the same text"):
        measure_faithfulness(tiny_bert, moved)


def test_progress_can_cancel(tiny_bert: Classifier) -> None:
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        measure_faithfulness(tiny_bert, METHODS["occlusion"](tiny_bert, TEXTS[0]), progress=stop)
    assert len(seen) == 1 and 0 < seen[0][0] < seen[0][1]
