"""How good translations are: BLEU, chrF, TER (sacreBLEU, with signatures), ROUGE-L and length ratio, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import LCSseq
from sacrebleu.metrics.base import Metric as SacreMetric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_char import TokenizerChar
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from models.errors import InputError
from models.metrics import RESAMPLES, Interval, interval

UNSPACED = ("zh", "ja", "th", "lo", "km", "my", "yue", "wuu")  # languages written without spaces between words
Scores = Callable[[np.ndarray], np.ndarray]  # sums of the sentences' statistics (..., values) -> scores (...)


@dataclass(frozen=True)
class SentenceStatistics:
    """What sentences add to a metric of the corpus, which is a function of the sums.

    Attributes:
        values: Statistics of each sentence (sentences, values).
        scores: The metric from sums of them.
        signature: How it was counted.
    """

    values: np.ndarray
    scores: Scores
    signature: str


@dataclass(frozen=True)
class TranslationMetrics:
    """How a model does on one group of sentences.

    Attributes:
        group: What the sentences share, e.g. en-de.
        count: Sentences in it.
        metrics: bleu, chrf, ter and rouge_l (0-100) and length_ratio (1 = as long as the references), each with its interval.
        signatures: sacreBLEU's signature of bleu, chrf and ter, and what the others count.
    """

    group: str
    count: int
    metrics: dict[str, Interval]
    signatures: dict[str, str]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"count": self.count, "metrics": {name: vars(value) for name, value in self.metrics.items()}, "signatures": self.signatures}


def measure_translations(
    group: str, hypotheses: Sequence[str], references: Sequence[str], target_language: str, *, resamples: int = RESAMPLES, seed: int = 1
) -> TranslationMetrics:
    """All metrics of one group, with percentile intervals of a bootstrap over sentences (Koehn 2004).

    A metric of a corpus is a function of sums of statistics of its sentences, so a resample only adds those up again.

    Args:
        group: Name of the group.
        hypotheses: Translations by the model.
        references: One reference for each.
        target_language: Decides how text is cut into words.
        resamples: Bootstrap draws.
        seed: Of the draws.

    Raises:
        InputError: There is no sentence, or not one reference for each.
    """
    if not hypotheses or len(hypotheses) != len(references):
        raise InputError(f"{group} has {len(hypotheses)} translations and {len(references)} references, expected as many, and at least one.")
    counted = sentence_statistics(hypotheses, references, target_language)
    return measure_counted(group, counted, np.arange(len(hypotheses)), resamples=resamples, seed=seed)


def measure_counted(
    group: str, counted: Mapping[str, SentenceStatistics], rows: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 1
) -> TranslationMetrics:
    """`measure_translations` of some of the sentences (rows,) whose statistics are counted already; at least one."""
    weights = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=resamples)
    metrics, signatures = {}, {}
    for name, own in counted.items():
        values = own.values[rows]
        metrics[name], signatures[name] = interval(float(own.scores(values.sum(0))), own.scores(weights @ values)), own.signature
    return TranslationMetrics(group, len(rows), metrics, signatures)


def split_words(text: str, language: str) -> list[str]:
    """Words of a text as BLEU counts them; characters in languages written without spaces."""
    return str(_tokenizer(language)(text)).split()


def sentence_statistics(hypotheses: Sequence[str], references: Sequence[str], target_language: str) -> dict[str, SentenceStatistics]:
    """What every sentence adds to bleu, chrf, ter, length_ratio and rouge_l.

    Args:
        hypotheses: Translations by the model.
        references: One reference for each.
        target_language: Decides how text is cut into words.
    """
    unspaced = target_language.split("-")[0] in UNSPACED
    bleu = BLEU(tokenize=_bleu_tokenizer(target_language), force=True)  # says nothing of texts that end in a lone full stop
    metrics: dict[str, tuple[SacreMetric, Scores]] = {
        "bleu": (bleu, bleu_scores), "chrf": (CHRF(), chrf_scores), "ter": (TER(normalized=unspaced, asian_support=unspaced), ter_scores)}
    found = {}
    for name, (metric, scores) in metrics.items():
        values = np.array(metric._extract_corpus_statistics(list(hypotheses), [list(references)]), dtype=np.float64)
        found[name] = SentenceStatistics(values, scores, str(metric.get_signature()))
    words = [(split_words(hypothesis, target_language), split_words(reference, target_language))
             for hypothesis, reference in zip(hypotheses, references, strict=True)]
    lengths = np.array([[len(hypothesis), len(reference)] for hypothesis, reference in words], dtype=np.float64)
    cut = f"tok:{bleu.tokenizer.signature()}"
    found["length_ratio"] = SentenceStatistics(lengths, lambda sums: np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1)), f"words|{cut}")
    common = np.array([[_rouge_l(*pair), 1.0] for pair in words])
    found["rouge_l"] = SentenceStatistics(common, lambda sums: np.asarray(100 * sums[..., 0] / sums[..., 1]),
                                          f"F1 of the longest common subsequence, mean|{cut}")
    return found


def bleu_scores(sums: np.ndarray) -> np.ndarray:
    """BLEU (0-100) of corpora (...,), as sacreBLEU computes it (Papineni et al. 2002; Post 2018).

    The first order without a match counts as half a match, the second as a quarter and so on (exponential smoothing, Chen & Cherry 2014).

    Args:
        sums: Words of the hypotheses and of the references, matched n-grams and n-grams of the hypotheses of orders 1 to 4 (..., 10).
    """
    words, reference_words, matched, ngrams = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:]
    missed = matched == 0
    precisions = np.where(missed, 0.5 ** missed.cumsum(-1), matched) / np.maximum(ngrams, 1)
    brevity = np.exp(np.minimum(1 - reference_words / np.maximum(words, 1), 0))
    measurable = ~missed.all(-1) & (ngrams > 0).all(-1)
    return np.where(measurable, 100 * brevity * np.exp(np.log(precisions).mean(-1)), 0.0)


def chrf_scores(sums: np.ndarray) -> np.ndarray:
    """chrF2 (0-100) of corpora (...,), as sacreBLEU computes it (Popovic 2015): mean precision and recall over the orders that both sides have.

    Args:
        sums: For each order 1 to 6 the character n-grams of the hypotheses, of the references, and the matched ones (..., 18).
    """
    said, expected, matched = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    shared = (said > 0) & (expected > 0)
    orders = np.maximum(shared.sum(-1), 1)
    precision = np.where(shared, matched / np.maximum(said, 1), 0).sum(-1) / orders
    recall = np.where(shared, matched / np.maximum(expected, 1), 0).sum(-1) / orders
    above, below = (1 + CHRF.BETA**2) * precision * recall, CHRF.BETA**2 * precision + recall
    return np.asarray(100 * np.divide(above, below, out=np.zeros(np.shape(above)), where=below > 0))


def ter_scores(sums: np.ndarray) -> np.ndarray:
    """TER (0 or more, 100 = as many edits as reference words) of corpora (...,), as sacreBLEU computes it (Snover et al. 2006).

    Args:
        sums: Edits and words of the references (..., 2).
    """
    edits, words = sums[..., 0], sums[..., 1]
    return np.where(words > 0, 100 * edits / np.maximum(words, 1), 100.0 * (edits > 0))


def _rouge_l(hypothesis: Sequence[str], reference: Sequence[str]) -> float:
    """F1 (0-1) of the longest common subsequence of words (Lin 2004, with equal weight of precision and recall)."""
    common: int = LCSseq.similarity(hypothesis, reference)
    return 2 * common / max(1, len(hypothesis) + len(reference))


def _bleu_tokenizer(language: str) -> str:
    if language.split("-")[0] == "zh":
        return "zh"
    return "char" if language.split("-")[0] in UNSPACED else "13a"


def _tokenizer(language: str) -> Any:
    return {"zh": TokenizerZh, "char": TokenizerChar, "13a": Tokenizer13a}[_bleu_tokenizer(language)]()
