"""Faithfulness, stability and agreement of several explanations together; explanations of shuffled models."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import METHODS, TRANSLATION_METHODS
from xai.faithfulness import Faithfulness, measure_faithfulness, measure_together, scores_by_word
from xai.trust import SAMPLED, SEEDS, UNSIGNED, check_dependence, measure_trust

LANGUAGES = {"source_language": "en", "target_language": "zh"}


def agree(one: Faithfulness, other: Faithfulness) -> None:
    """Equal but for the rounding of other batches."""
    assert (one.method, one.measures.verdict, one.measures.rankings) == (other.method, other.measures.verdict, other.measures.rankings)
    for name in ("comprehensiveness", "sufficiency", "deletion", "insertion"):
        mine, second = getattr(one.measures, name), getattr(other.measures, name)
        assert (mine.value, mine.low, mine.high, mine.p_value) == pytest.approx((second.value, second.low, second.high, second.p_value), abs=1e-6)


def test_together_is_as_alone_and_costs_less(tiny_bert: Classifier) -> None:
    explanations = [METHODS[name](tiny_bert, TEXTS[0], "positive") for name in ("occlusion", "input_x_gradient", "attention_rollout")]
    together = measure_together(tiny_bert, explanations, baselines=40)
    alone = [measure_faithfulness(tiny_bert, one, baselines=40) for one in explanations]
    assert [one.method for one in together] == [one.method for one in explanations]
    for one, other in zip(together, alone, strict=True):
        agree(one, other)
    assert together[0].evaluations == alone[0].evaluations
    assert all(shared.evaluations < 0.3 * one.evaluations for shared, one in zip(together[1:], alone[1:], strict=True))
    assert measure_together(tiny_bert, []) == []


def test_numbers_are_those_of_their_parts(tiny_bert: Classifier) -> None:
    explanations = [METHODS[name](tiny_bert, TEXTS[0], "positive") for name in METHODS]
    found = measure_trust(tiny_bert, explanations, baselines=40)
    assert [one.method for one in found] == list(METHODS)
    scores = {one.method: scores_by_word(one)[1] for one in explanations}
    for one in found:
        agree(one.faithfulness, measure_faithfulness(tiny_bert, next(e for e in explanations if e.method == one.method), baselines=40))
        assert (one.stability is not None) == (one.method in SAMPLED)
        others = [name for name in METHODS if name != one.method and name not in UNSIGNED]
        if one.method in UNSIGNED:
            assert one.agreement is None and one.overlap is None
        else:
            assert one.agreement == pytest.approx(np.mean([spearmanr(scores[one.method], scores[name]).statistic for name in others]))
    lime = next(one for one in found if one.method == "lime")
    assert lime.stability is not None and lime.stability.seeds == SEEDS
    runs = [scores_by_word(METHODS["lime"](tiny_bert, TEXTS[0], "positive", seed=seed))[1] for seed in SEEDS]
    assert lime.stability.spearman == pytest.approx(np.mean([spearmanr(runs[a], runs[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))]))
    assert json.loads(json.dumps(found[0].to_json_dict()))["faithfulness"]["method"] == found[0].method


def test_as_many_samples_as_were_spent(tiny_bert: Classifier) -> None:
    explanation = METHODS["lime"](tiny_bert, TEXTS[0], num_samples=30)
    (found,) = measure_trust(tiny_bert, [explanation], baselines=40)
    runs = [scores_by_word(METHODS["lime"](tiny_bert, TEXTS[0], seed=seed, num_samples=30))[1] for seed in SEEDS]
    largest = float(np.ptp(runs, axis=0).max() / np.abs(runs).max())
    assert found.stability is not None and found.stability.largest_change == pytest.approx(largest) and largest > 0
    assert found.agreement is None


def test_translations(tiny_m2m100: Translator) -> None:
    explanations = [TRANSLATION_METHODS[name](tiny_m2m100, f"{SENTENCES[0]} {SENTENCES[3]}", SENTENCES[1], **LANGUAGES)
                    for name in ("occlusion", "input_x_gradient", "cross_attention")]
    found = measure_trust(tiny_m2m100, explanations, baselines=40)
    assert [one.faithfulness.output for one in found] == ["log_probability"] * 3
    assert found[0].agreement == found[1].agreement == pytest.approx(spearmanr(*(scores_by_word(one)[1] for one in explanations[:2])).statistic)
    assert found[2].agreement is None and all(one.stability is None for one in found)


def test_dependence_on_the_model(tiny_bert: Classifier) -> None:
    seen: list[tuple[int, int]] = []
    explanations = [METHODS[name](tiny_bert, TEXTS[0], "positive") for name in ("occlusion", "input_x_gradient")]
    found = check_dependence(tiny_bert, explanations, progress=lambda done, total: seen.append((done, total)))
    assert [one.method for one in found] == ["occlusion", "input_x_gradient"] and all(len(one.seeds) == 3 for one in found)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and {total for _, total in seen} == {800}


def test_different_texts_are_refused_and_work_can_be_cancelled(tiny_bert: Classifier) -> None:
    first, second = METHODS["occlusion"](tiny_bert, TEXTS[0], "positive"), METHODS["occlusion"](tiny_bert, TEXTS[0], "negative")
    with pytest.raises(InputError, match="The explanations are of 2 different texts or targets, expected one"):
        measure_trust(tiny_bert, [first, second])

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    for work in (measure_trust, check_dependence):
        with pytest.raises(Cancelled):
            work(tiny_bert, [first], progress=stop)  # type: ignore[operator]
