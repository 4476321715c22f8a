"""Metrics of translations against sacreBLEU's own functions and tables counted by hand."""

from __future__ import annotations

import pytest
import sacrebleu

from models.errors import InputError
from models.translation_metrics import measure_translations, split_words

HYPOTHESES = ["The dog runs in the park.", "A red car stands here", "Nobody knows it.", "It rains."]
REFERENCES = ["The dog is running in the park.", "A red car stands there.", "Nobody knows that.", "It is raining."]
CHINESE = (["猫坐在垫子上。", "我喝茶,不喝咖啡。"], ["那只猫在垫子上。", "我喝茶，不喝咖啡。"])


def test_bleu_chrf_and_ter_are_those_of_sacrebleu() -> None:
    found = measure_translations("en-en", HYPOTHESES, REFERENCES, "en", resamples=10).metrics
    assert found["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score)
    assert found["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score)
    assert found["ter"].value == pytest.approx(sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score)


def test_chinese_is_cut_into_characters() -> None:
    found = measure_translations("en-zh", *CHINESE, "zh-TW", resamples=10)
    assert found.metrics["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(CHINESE[0], [CHINESE[1]], tokenize="zh").score)
    assert found.metrics["ter"].value == pytest.approx(sacrebleu.corpus_ter(CHINESE[0], [CHINESE[1]], normalized=True, asian_support=True).score)
    assert "tok:zh" in found.signatures["bleu"] and "asian:yes" in found.signatures["ter"]
    assert split_words("我喝3杯tea。", "zh") == ["我", "喝", "3", "杯", "tea", "。"]
    assert split_words("お茶", "ja") == ["お", "茶"]


def test_rouge_l_and_length_ratio_by_hand() -> None:
    # words 5 and 6, longest common subsequence "a red car ." = 4: F1 = 2 · 4 / 11; lengths 5 / 6
    found = measure_translations("en-de", ["a red car stands ."], ["a very red old car ."], "en", resamples=5).metrics
    assert found["rouge_l"].value == pytest.approx(100 * 8 / 11)
    assert found["length_ratio"].value == pytest.approx(5 / 6)


def test_intervals_hold_the_value_and_narrow_with_more_sentences() -> None:
    few = measure_translations("x", HYPOTHESES, REFERENCES, "en", resamples=300, seed=3).metrics
    many = measure_translations("x", HYPOTHESES * 25, REFERENCES * 25, "en", resamples=300, seed=3).metrics
    for name in ("bleu", "chrf", "ter", "rouge_l", "length_ratio"):
        assert few[name].low <= few[name].value <= few[name].high
        assert many[name].value == pytest.approx(few[name].value)
        assert many[name].high - many[name].low < few[name].high - few[name].low


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second, other = (measure_translations("x", HYPOTHESES, REFERENCES, "en", resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first.metrics == second.metrics != other.metrics


def test_perfect_translations() -> None:
    found = measure_translations("x", REFERENCES, REFERENCES, "en", resamples=20).to_json_dict()
    assert found["count"] == 4
    for name, value in {"bleu": 100, "chrf": 100, "ter": 0, "rouge_l": 100, "length_ratio": 1}.items():
        assert found["metrics"][name] == pytest.approx({"value": value, "low": value, "high": value})


def test_an_empty_hypothesis_counts() -> None:
    found = measure_translations("x", ["", REFERENCES[1]], REFERENCES[:2], "en", resamples=20).metrics
    assert found["rouge_l"].value == pytest.approx(50)
    assert found["length_ratio"].value == pytest.approx(6 / 14)


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], ["a", "b"])])
def test_counts_that_differ_are_one_sentence(hypotheses: list[str], references: list[str]) -> None:
    with pytest.raises(InputError, match=r"en-de has \d translations and \d references, expected as many, and at least one"):
        measure_translations("en-de", hypotheses, references, "de")
