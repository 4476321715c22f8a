"""Agreement over seeds and methods by hand and by scipy; explanations of shuffled models."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import permutation_test, spearmanr

from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import METHODS
from xai.attribution import Attribution
from xai.lime_values import explain_lime
from xai.stability import Randomisation, check_randomisation, compare_attributions, measure_seed_stability, shuffled_copy

LANGUAGES = {"source_language": "en", "target_language": "zh"}


def scored(scores: list[float], method: str = "fixed", target: str = "positive") -> Attribution:
    """An explanation of words a, b, ... with these scores."""
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(scores)]
    return Attribution(
        text=" ".join(letters), tokens=tuple(letters), offsets=tuple((2 * place, 2 * place + 1) for place in range(len(scores))),
        word_ids=tuple(range(len(scores))), scores=np.array(scores, dtype=float), method=method, target=target, output="logit", value=1.0, base_value=0.0,
        convergence_delta=None, evaluations=1, seconds=0.1)


def test_seed_stability_by_hand() -> None:
    runs = {3: scored([4.0, 3, 2, 1, 0]), 4: scored([4.0, 3, 1, 2, 0]), 9: scored([0.0, 3, 2, 1, -5])}
    found = measure_seed_stability(runs.__getitem__, seeds=(3, 4, 9))
    expected = [spearmanr(a.scores, b.scores).statistic for a, b in itertools.combinations(runs.values(), 2)]
    assert found.spearman == pytest.approx(np.mean(expected)) and found.top == 3 and found.seeds == (3, 4, 9)
    assert found.overlap == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)  # abc, abd, bcd
    assert found.largest_change == pytest.approx(5 / 5)  # the last word, 0 and -5
    assert json.loads(json.dumps(found.to_json_dict()))["method"] == "fixed"
    flat = measure_seed_stability(lambda seed: scored([float(seed)] * 4), seeds=(0, 1))
    assert flat.spearman is None and flat.overlap == 1 and flat.largest_change == 1


def test_lime_gets_steadier_with_more_samples_and_the_rest_does_not_move(tiny_bert: Classifier) -> None:
    few = measure_seed_stability(lambda seed: explain_lime(tiny_bert, TEXTS[0], seed=seed, num_samples=20), seeds=(0, 1, 2))
    many = measure_seed_stability(lambda seed: explain_lime(tiny_bert, TEXTS[0], seed=seed, num_samples=600), seeds=(0, 1, 2))
    assert few.spearman is not None and many.spearman is not None
    assert few.spearman < many.spearman <= 1 and few.largest_change > many.largest_change > 0
    same = measure_seed_stability(lambda seed: METHODS["occlusion"](tiny_bert, TEXTS[0], seed=seed), seeds=(0, 1))
    assert same.spearman == pytest.approx(1) and (same.overlap, same.largest_change) == (1, 0)


def test_agreement_by_hand() -> None:
    first, second, third = scored([5, 4, 3, 2, 1, 0], "a"), scored([5, 4, 0, 2, 1, 3], "b"), scored([0, 1, 2, 3, 4, 5], "c")
    found = compare_attributions([first, second, third])
    assert [(pair.first, pair.second) for pair in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [pair.spearman for pair in found] == pytest.approx([1 - 6 * 18 / 210, -1, spearmanr(second.scores, third.scores).statistic])
    assert [pair.overlap for pair in found] == pytest.approx([2 / 3, 0, 1 / 3])
    assert all(pair.expected_overlap == 0.5 for pair in found)
    assert found[0].p_value == pytest.approx((9 + 1) / 20)  # of 20 choices of three words 9 share two, 1 all
    assert found[1].p_value == 1
    assert json.loads(json.dumps(found[0].to_json_dict()))["top"] == 3
    (short,) = compare_attributions([scored([1, 0]), scored([1, 0])])
    assert (short.top, short.overlap, short.expected_overlap, short.p_value) == (2, 1, 1, 1)
    (flat,) = compare_attributions([scored([1, 0]), scored([1, 1])])
    assert flat.spearman is None


def test_expected_overlap_and_p_values_are_those_of_random_scores() -> None:
    generator = np.random.default_rng(0)
    found = [compare_attributions([scored(list(generator.normal(size=9))), scored(list(generator.normal(size=9)))])[0] for _ in range(1500)]
    assert np.mean([pair.overlap for pair in found]) == pytest.approx(found[0].expected_overlap, abs=0.025)  # 4 standard errors
    assert np.mean([pair.p_value <= 0.25 for pair in found]) == pytest.approx(19 / 84, abs=0.045)  # two or three of three: (18 + 1) / 84


def test_a_shuffled_copy_leaves_the_model_alone(tiny_bert: Classifier) -> None:
    before = {name: value.clone() for name, value in tiny_bert.model.state_dict().items()}
    said, fingerprint = tiny_bert.predict([TEXTS[0]]), tiny_bert.fingerprint
    shuffled, again, other = (shuffled_copy(tiny_bert, seed) for seed in (0, 0, 1))
    assert all(torch.equal(value, before[name]) for name, value in tiny_bert.model.state_dict().items())
    assert tiny_bert.predict([TEXTS[0]]) == said and tiny_bert.fingerprint == fingerprint != shuffled.fingerprint
    for (name, value), twin, third in zip(shuffled.model.named_parameters(), again.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(value, twin)
        assert torch.equal(value.flatten().sort().values, before[name].flatten().sort().values), name
        if value.flatten().unique().numel() > 10:
            assert not torch.equal(value, before[name]) and not torch.equal(value, third), name
    assert shuffled.lock is tiny_bert.lock and shuffled.predict([TEXTS[0]]) != said


def test_randomisation_by_hand_and_by_scipy(tiny_bert: Classifier) -> None:
    """Explanations that do not look at the model stay; the p-value is that of a permutation test."""
    text = "abcdefgh"
    stubborn = check_randomisation(tiny_bert, lambda model: scored(list(range(len(text)))))
    assert stubborn.spearman == pytest.approx((1,) * 5) and stubborn.verdict == "hardly depends on the model" and stubborn.p_value <= 0.003
    generator = np.random.default_rng(2)
    scores = [list(generator.normal(size=5)) for _ in range(4)]
    runs = iter(scores)
    found = check_randomisation(tiny_bert, lambda model: scored(next(runs)), seeds=(0, 1, 2))
    expected = [spearmanr(scores[0], other).statistic for other in scores[1:]]
    assert found.spearman == pytest.approx(tuple(expected)) and found.mean_spearman == pytest.approx(np.mean(expected))
    test = permutation_test((np.array(scores[0]),), lambda order: np.mean([spearmanr(order, other).statistic for other in scores[1:]]),
                            permutation_type="pairings", alternative="greater", n_resamples=np.inf)
    assert found.p_value == pytest.approx(test.pvalue)
    few = check_randomisation(tiny_bert, lambda model: scored([3, 2, 1, 0]), seeds=(0,))
    assert few.verdict == "cannot tell" and few.p_value == pytest.approx(1 / 24)
    flat = check_randomisation(tiny_bert, lambda model: scored([1] * 8), seeds=(0,))
    assert flat.spearman == (0,) and flat.p_value == 1 and flat.verdict == "depends on the model"


def test_random_explanations_seem_to_depend_on_the_model() -> None:
    """The false alarm of the check: 2.5 % of 200."""
    generator = np.random.default_rng(5)
    handle: Any = Unchanged()
    alarms = [check_randomisation(handle, lambda model: scored(list(generator.normal(size=12))), seeds=(0, 1)).verdict for _ in range(200)]
    assert alarms.count("hardly depends on the model") <= 12 and alarms.count("cannot tell") == 0


class Unchanged:
    """A handle around a model without weights, which costs nothing to copy."""

    def __init__(self) -> None:
        from contextlib import nullcontext

        self.model, self.lock, self.fingerprint = torch.nn.Module(), nullcontext(), "none"


@pytest.mark.parametrize("method", ["occlusion", "integrated_gradients", "input_x_gradient"])
def test_methods_depend_on_the_model(tiny_bert: Classifier, method: str) -> None:
    found = check_randomisation(tiny_bert, lambda model: METHODS[method](model, TEXTS[0], "positive"), seeds=(0, 1, 2))
    assert found.verdict == "depends on the model" and abs(found.mean_spearman) < 0.6
    again = check_randomisation(tiny_bert, lambda model: METHODS[method](model, TEXTS[0], "positive"), seeds=(0, 1, 2))
    assert found == again and json.loads(json.dumps(found.to_json_dict()))["spearman"] == list(found.spearman)


def test_translators_are_checked_the_same_way(tiny_m2m100: Translator) -> None:
    text = f"{SENTENCES[0]} {SENTENCES[3]}"

    def explain(model: Translator, method: str = "occlusion") -> Any:
        return METHODS[method](model, text, SENTENCES[1], **LANGUAGES)

    before = {name: value.clone() for name, value in tiny_m2m100.model.state_dict().items()}
    found = check_randomisation(tiny_m2m100, explain, seeds=(0, 1))
    assert len(found.spearman) == 2 and max(found.spearman) < 0.999
    assert all(torch.equal(value, before[name]) for name, value in tiny_m2m100.model.state_dict().items())
    (pair,) = compare_attributions([explain(tiny_m2m100), explain(tiny_m2m100, "input_x_gradient")])
    assert pair.spearman is not None and -1 <= pair.spearman <= 1 and pair.top == 3


def test_bad_input_gets_one_sentence(tiny_bert: Classifier) -> None:
    with pytest.raises(InputError, match="There are 1 seeds, expected two or more"):
        measure_seed_stability(lambda seed: scored([1, 0]), seeds=(0,))
    with pytest.raises(InputError, match="There are no seeds"):
        check_randomisation(tiny_bert, lambda model: scored([1, 0]), seeds=())
    with pytest.raises(InputError, match="is of 2 words for 'positive', another of 3 words for 'positive'; compare explanations of the same text"):
        compare_attributions([scored([1, 0]), scored([1, 0, 2])])
    with pytest.raises(InputError, match="of 2 words for 'negative', another of 2 words for 'positive'"):
        compare_attributions([scored([1, 0]), scored([1, 0], target="negative")])


def test_progress_counts_explanations_and_can_cancel(tiny_bert: Classifier) -> None:
    seen: list[tuple[int, int]] = []
    measure_seed_stability(lambda seed: scored([1, 0]), seeds=(0, 1), progress=lambda done, total: seen.append((done, total)))
    check_randomisation(tiny_bert, lambda model: scored([1, 0]), seeds=(0, 1), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2), (1, 3), (2, 3), (3, 3)]

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        check_randomisation(tiny_bert, lambda model: scored([1, 0]), progress=stop)


def test_a_verdict_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="A randomisation check has the verdict 'fine', expected one of"):
        Randomisation("shap", (0,), (0.1,), 0.1, 0.5, "fine")
