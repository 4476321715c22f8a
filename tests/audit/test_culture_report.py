"""Counts by culture and phenomenon against tables counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from audit import CultureReport, ProbeSentence, measure_cultures
from models.classifier import Classifier, Prediction
from models.errors import Cancelled, InputError
from models.progress import no_progress

SHORT = {"-": "negative", "0": "neutral", "+": "positive"}
# culture, label, prediction, phenomena
TABLE = (
    ("zh-CN", "+", "+", "irony"), ("zh-CN", "+", "-", "irony food"), ("zh-CN", "-", "-", ""), ("zh-CN", "0", "-", "food"),
    ("de-DE", "-", "-", "irony"), ("de-DE", "0", "0", "food"), ("de-DE", "+", "+", "food"), ("de-DE", "-", "+", "negation"),
    ("ar-EG", "+", "-", "irony"), ("ar-EG", "-", "-", "irony"),
)


class Parrot:
    """A model that answers what stands at the end of the text."""

    name = "parrot"

    def __init__(self, labels: Sequence[str] = ("negative", "neutral", "positive")) -> None:
        self.labels = tuple(labels)

    def predict(self, texts: Sequence[str], *, progress: Any = no_progress) -> list[Prediction]:
        found = []
        for done, text in enumerate(texts, 1):
            own = next(label for label in self.labels if label.lower() == SHORT[text[-1]])
            found.append(Prediction(text, own, {label: float(label == own) for label in self.labels}, None))
            progress(done, len(texts))
        return found


def sentences(table: Sequence[tuple[str, str, str, str]] = TABLE) -> list[ProbeSentence]:
    return [
        ProbeSentence(f"{culture}-{number}", f"{number} {prediction}", SHORT[label], culture[:2], culture, "meal_out", "", tuple(tags.split()))
        for number, (culture, label, prediction, tags) in enumerate(table)
    ]


def measure(labels: Sequence[str] = ("negative", "neutral", "positive"), table: Sequence[tuple[str, str, str, str]] = TABLE) -> CultureReport:
    return measure_cultures(Parrot(labels), sentences(table))  # type: ignore[arg-type]


def test_confusion_by_culture_as_counted_by_hand() -> None:
    report = measure()
    assert [group.group for group in report.by_culture] == ["ar-EG", "de-DE", "zh-CN"]
    assert [group.count for group in report.by_culture] == [2, 4, 4]
    arabic, german, chinese = (group.confusion.tolist() for group in report.by_culture)
    assert chinese == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    assert german == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert arabic == [[1, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert report.overall.confusion.tolist() == [[3, 0, 1], [1, 1, 0], [2, 0, 2]]
    assert np.array_equal(report.overall.confusion, np.sum([group.confusion for group in report.by_culture], axis=0))


def test_metrics_by_culture_as_counted_by_hand() -> None:
    report = measure()
    german, chinese = report.culture("de-DE"), report.culture("zh-CN")
    assert german is not None
    assert chinese is not None
    # F1: negative 2·1/(2+1) = 2/3, neutral 1, positive 2·1/(1+2) = 2/3
    assert german.metrics["macro_f1"].value == pytest.approx(100 * (2 / 3 + 1 + 2 / 3) / 3)
    assert german.metrics["accuracy"].value == pytest.approx(75)
    assert german.metrics["flip_rate"].value == pytest.approx(25)
    # negative 2·1/(1+3) = 1/2, neutral 0, positive 2·1/(2+1) = 2/3
    assert chinese.metrics["macro_f1"].value == pytest.approx(100 * (1 / 2 + 0 + 2 / 3) / 3)
    assert report.overall.metrics["accuracy"].value == pytest.approx(60)
    for group in (*report.by_culture, report.overall):
        for value in group.metrics.values():
            assert 0 <= value.low <= value.value <= value.high <= 100


def test_phenomena_most_wrong_first() -> None:
    found = {culture: [(item.name, item.count, item.errors) for item in items] for culture, items in measure().phenomena.items()}
    assert found["zh-CN"] == [("food", 2, 2), ("irony", 2, 1)]
    assert found["de-DE"] == [("negation", 1, 1), ("food", 2, 0), ("irony", 1, 0)]
    assert found["ar-EG"] == [("irony", 2, 1)]
    assert found[""] == [("negation", 1, 1), ("food", 4, 2), ("irony", 5, 2)]


def test_one_culture_equals_overall() -> None:
    report = measure(table=[row for row in TABLE if row[0] == "zh-CN"])
    (only,) = report.by_culture
    assert np.array_equal(only.confusion, report.overall.confusion)
    assert only.metrics == report.overall.metrics
    assert report.phenomena["zh-CN"] == report.phenomena[""]


def test_rank_counts_the_better_ones_and_ties_share_a_place() -> None:
    report = measure()
    assert [report.rank(name) for name in ("de-DE", "zh-CN", "ar-EG")] == [1, 2, 3]
    twins = measure(table=[*TABLE, *(("xx-XX", *row[1:]) for row in TABLE if row[0] == "de-DE")])
    assert [twins.rank(name) for name in ("de-DE", "xx-XX", "zh-CN")] == [1, 1, 3]


def test_a_culture_that_is_not_measured() -> None:
    assert measure().culture("fr-FR") is None
    with pytest.raises(InputError, match="fr-FR is not measured; measured are ar-EG, de-DE, zh-CN"):
        measure().rank("fr-FR")


def test_the_order_and_case_of_the_models_labels_change_nothing() -> None:
    plain, other = measure(), measure(["Neutral", "POSITIVE", "negative"])
    assert other.classes == plain.classes == ("negative", "neutral", "positive")
    for one, two in zip((*plain.by_culture, plain.overall), (*other.by_culture, other.overall), strict=True):
        assert np.array_equal(one.confusion, two.confusion)
        assert one.metrics == two.metrics


@pytest.mark.parametrize("labels", [("anger", "joy"), ("negative", "positive"), ("negative", "neutral", "positive", "mixed")])
def test_other_labels_are_refused_before_anything_is_predicted(labels: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=f"parrot has the labels {', '.join(labels)}, the sentences negative, neutral, positive"):
        measure(labels)


def test_the_seed_decides_the_intervals_only() -> None:
    one, again, other = (measure_cultures(Parrot(), sentences(TABLE * 3), seed=seed) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert one.overall.metrics == again.overall.metrics
    assert one.overall.metrics["macro_f1"].value == other.overall.metrics["macro_f1"].value
    assert one.overall.metrics["macro_f1"] != other.overall.metrics["macro_f1"]


def test_progress_can_cancel() -> None:
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        assert total == len(TABLE)
        seen.append(done)
        if done == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        measure_cultures(Parrot(), sentences(), progress=stop)  # type: ignore[arg-type]
    assert seen == [1, 2, 3]


def test_a_real_model_is_counted_sentence_by_sentence(tiny_bert: Classifier) -> None:
    texts = ["The film was not bad.", "服务态度真是好极了", "Der Bus kommt nicht", "昨日のラーメン"]
    rows = [ProbeSentence(str(n), text, "neutral", "xx", f"c{n % 2}", "", "", ()) for n, text in enumerate(texts)]
    report = measure_cultures(tiny_bert, rows)
    one_by_one = [tiny_bert.predict([text])[0].label for text in texts]
    assert report.overall.confusion[1].tolist() == [one_by_one.count(label) for label in report.classes]
    assert report.overall.confusion.sum() == 4
