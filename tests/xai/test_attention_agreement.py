"""Agreement of attention and attribution against scipy, and at both ends."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy, kendalltau, spearmanr

from models.classifier import Classifier
from models.errors import InputError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import METHODS
from xai.attention_agreement import compare_with_attribution


def test_measures_are_those_of_scipy(tiny_bert: Classifier) -> None:
    explanation = METHODS["occlusion"](tiny_bert, TEXTS[0], "positive").words()
    shares = np.random.default_rng(0).random(len(explanation.tokens))
    found = compare_with_attribution(shares, explanation)
    size = np.abs(explanation.scores)
    assert found.kendall_tau == pytest.approx(kendalltau(shares, size).statistic)
    assert found.spearman == pytest.approx(spearmanr(shares, size).statistic)
    one, other = shares / shares.sum(), size / size.sum()
    assert found.divergence == pytest.approx((entropy(one, (one + other) / 2, base=2) + entropy(other, (one + other) / 2, base=2)) / 2)
    assert found.expected_overlap == pytest.approx(3 / len(size))
    assert found.p_value == pytest.approx(kendalltau(shares, size, alternative="greater").pvalue, abs=0.06)
    assert json.loads(json.dumps(found.to_json_dict()))["spearman"] == found.spearman


def test_both_ends(tiny_bert: Classifier) -> None:
    explanation = METHODS["occlusion"](tiny_bert, TEXTS[0], "positive").words()
    same = compare_with_attribution(np.abs(explanation.scores), explanation)
    assert same.kendall_tau == same.spearman == pytest.approx(1) and same.divergence == pytest.approx(0, abs=1e-6) and same.overlap == 1
    assert same.p_value < 0.01
    flat = compare_with_attribution(np.ones(len(explanation.tokens)), explanation)
    assert flat.kendall_tau == flat.spearman == 0 and flat.p_value == 1
    nothing = compare_with_attribution(np.ones(len(explanation.tokens)), replace(explanation, scores=np.zeros(len(explanation.tokens))))
    assert nothing.divergence == 1
    with pytest.raises(InputError, match=r"The attention has shape \(2,\), the explanation \(\d+,\); compare both by tokens, or both by words"):
        compare_with_attribution(np.ones(2), explanation)


def test_translations_are_means_over_target_tokens(tiny_m2m100: Translator) -> None:
    explanation = METHODS["occlusion"](tiny_m2m100, SENTENCES[0], SENTENCES[1], source_language="en", target_language="zh").words()
    shares = np.random.default_rng(0).random(explanation.source_scores.shape)
    found = compare_with_attribution(shares, explanation)
    taus = [kendalltau(one, np.abs(other)).statistic for one, other in zip(shares, explanation.source_scores, strict=True)]
    assert found.kendall_tau == pytest.approx(np.mean(taus))
    assert 0 < found.p_value <= 1 and 0 <= found.overlap <= 1
