"""How good translations are: BLEU, chrF, TER (sacreBLEU, with signatures), ROUGE-L and length ratio, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
Scores = Callable[[np.ndarray], np.ndarray]  # sums of the sentences' statistics (draws, values) -> scores (draws,)


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
    count = len(hypotheses)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    metrics, signatures = {}, {}
    for name, (statistics, scores, signature) in _statistics(hypotheses, references, target_language).items():
        value = float(scores(statistics.sum(0, keepdims=True))[0])
        metrics[name], signatures[name] = interval(value, scores(weights @ statistics)), signature
    return TranslationMetrics(group, count, metrics, signatures)


def split_words(text: str, language: str) -> list[str]:
    """Words of a text as BLEU counts them; characters in languages written without spaces."""
    return str(_tokenizer(language)(text)).split()


def _statistics(hypotheses: Sequence[str], references: Sequence[str], language: str) -> dict[str, tuple[np.ndarray, Scores, str]]:
    """For each metric: statistics of every sentence (sentences, values), the scores of sums of them, and a signature."""
    unspaced = language.split("-")[0] in UNSPACED
    found: dict[str, tuple[np.ndarray, Scores, str]] = {}
    bleu = BLEU(tokenize=_bleu_tokenizer(language), force=True)  # says nothing of texts that end in a lone full stop
    for name, metric in (("bleu", bleu), ("chrf", CHRF()), ("ter", TER(normalized=unspaced, asian_support=unspaced))):
        values = np.array(metric._extract_corpus_statistics(list(hypotheses), [list(references)]), dtype=np.float64)
        found[name] = (values, _sacre_scores(metric), str(metric.get_signature()))
    words = [(split_words(hypothesis, language), split_words(reference, language)) for hypothesis, reference in zip(hypotheses, references, strict=True)]
    lengths = np.array([[len(hypothesis), len(reference)] for hypothesis, reference in words], dtype=np.float64)
    cut = f"tok:{bleu.tokenizer.signature()}"
    found["length_ratio"] = (lengths, lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1), f"words|{cut}")
    common = np.array([[_rouge_l(*pair), 1.0] for pair in words])
    found["rouge_l"] = (common, lambda sums: 100 * sums[:, 0] / sums[:, 1], f"F1 of the longest common subsequence, mean|{cut}")
    return found


def _sacre_scores(metric: SacreMetric) -> Scores:
    return lambda sums: np.array([metric._compute_score_from_stats(row.tolist()).score for row in sums])


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
