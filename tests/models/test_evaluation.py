"""What `evaluate` measures: the right rows, the classifier's own predictions, groups that add up, faults named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models import evaluation
from models.data.schema import Example
from models.errors import Cancelled, CheckpointError, CorpusError, InputError
from models.evaluation import LabelledRow, evaluate_run, format_headline, headline, predict_rows, read_tables
from models.loading import load_classifier
from models.metrics import confusion_matrix, macro_f1
from models.training.run import EvaluationConfig, RunConfig
from tests.conftest import LABELS

TEXTS = ["The soup was wonderful.", "The bus never came.", "It is a bus.", "Gar nicht mal so übel", "Der Bus kam wieder zu spät"]


def test_only_labelled_visible_rows_that_were_not_trained_on(finished_run: RunConfig) -> None:
    ((name, rows),) = read_tables(finished_run.evaluation)
    assert name == "ours"
    assert [row.text for row in rows] == TEXTS
    assert rows[3] == LabelledRow(TEXTS[3], "positive", "de", "de-DE")


def test_report_is_made_of_the_classifiers_predictions(finished_run: RunConfig) -> None:
    reports: list[tuple[int, int]] = []
    report = evaluate_run(finished_run, lambda *numbers: reports.append(numbers))
    classifier = load_classifier(finished_run.checkpoint)
    predicted = [found.label for found in classifier.predict(TEXTS)]
    gold = ["positive", "negative", "neutral", "positive", "negative"]
    ours = report["datasets"]["ours"]
    assert ours["confusion"] == confusion_matrix(gold, predicted, LABELS).tolist()
    english, german = (confusion_matrix(gold[part], predicted[part], LABELS) for part in (slice(0, 3), slice(3, 5)))
    assert ours["by_language"]["en"]["confusion"] == english.tolist()
    assert ours["by_language"]["de"]["metrics"]["macro_f1"]["value"] == pytest.approx(float(macro_f1(german)))
    assert ours["mean_over_languages"]["macro_f1"]["value"] == pytest.approx(np.mean([macro_f1(english), macro_f1(german)]))
    assert [(row["culture"], row["count"]) for row in report["by_culture"]] == [("de-DE", 2), ("en-GB", 2), ("en-US", 1)]
    assert np.sum([row["confusion"] for row in report["by_culture"]], axis=0).tolist() == ours["confusion"]
    assert reports[-1] == (5, 5)
    assert report["signature"]["fingerprint"] == classifier.fingerprint
    assert report["model"] == classifier.name


def test_one_language_equals_overall(finished_run: RunConfig, write_rows: Callable[..., str]) -> None:
    table = write_rows("one", tuple((text, "negative", "en", "en-US", "test") for text in TEXTS))
    config = replace(finished_run, evaluation=EvaluationConfig((), "one", (table,), resamples=30))
    report = evaluate_run(config)
    overall = {key: report["datasets"]["one"][key] for key in ("count", "confusion", "metrics")}
    assert report["datasets"]["one"]["by_language"] == {"en": overall}
    assert report["by_culture"] == [{"culture": "en-US", **overall}]
    assert report["datasets"]["one"]["mean_over_languages"]["macro_f1"] == overall["metrics"]["macro_f1"]


def test_data_signature_depends_on_every_row(finished_run: RunConfig, write_rows: Callable[..., str]) -> None:
    digests = set()
    for label, culture in (("negative", "en-US"), ("positive", "en-US"), ("negative", "en-GB"), ("negative", "en-US")):
        table = write_rows("digest", (("ok", label, "en", culture, "test"),))
        report = evaluate_run(replace(finished_run, evaluation=EvaluationConfig((), "digest", (table,), resamples=5)))
        digests.add(report["signature"]["data_sha256"])
    assert len(digests) == 3


def test_validation_splits_of_corpora(finished_run: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(name: str, *, split: str) -> Iterator[Example]:
        assert (name, split) == ("umsab", "validation")
        for label in ("positive", "", "negative"):
            yield Example(f"a text {label}", label, "hi", "hi-IN", "tweets", name, split, "free")

    monkeypatch.setattr(evaluation, "read_source", read)
    config = replace(finished_run.evaluation, datasets=("umsab",))
    tables = dict(read_tables(config))
    assert list(tables) == ["umsab", "ours"]
    assert tables["umsab"] == [LabelledRow("a text positive", "positive", "hi", "hi-IN"), LabelledRow("a text negative", "negative", "hi", "hi-IN")]


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"datasets": ("no-such",)}, "There is no corpus 'no-such'; corpora are umsab"),
    ({"tables": ("nowhere.jsonl",)}, "nowhere.jsonl is neither a corpus folder nor a table"),
])
def test_missing_data_is_named(finished_run: RunConfig, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        evaluate_run(replace(finished_run, evaluation=replace(finished_run.evaluation, **changes)))


def test_tables_of_one_name_do_not_hide_each_other(finished_run: RunConfig, write_rows: Callable[..., str]) -> None:
    config = replace(finished_run.evaluation, tables=(*finished_run.evaluation.tables, write_rows("other/ours")))
    with pytest.raises(CorpusError, match=r"Two measured tables are called 'ours'; rename .*other/ours.jsonl"):
        dict(read_tables(config))


@pytest.mark.parametrize("row", [("ok", "", "en", "en", "test"), ("ok", "negative", "en", "en", "train"), (" ", "negative", "en", "en", "test")])
def test_a_table_without_usable_rows_is_named(write_rows: Callable[..., str], row: tuple[str, ...]) -> None:
    with pytest.raises(CorpusError, match=r"idle.jsonl has no labelled validation row"):
        dict(read_tables(EvaluationConfig((), "idle", (write_rows("idle", (row,)),))))


def test_rows_without_a_text_are_left_out(finished_run: RunConfig, tmp_path: Any) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"label": "negative", "split": "test"}\n{"label": "negative", "split": "test", "text": null}\n'
                    '{"label": "negative", "split": "test", "text": "ok"}\n', encoding="utf-8")
    assert dict(read_tables(EvaluationConfig((), "odd", (str(path),)))) == {"odd": [LabelledRow("ok", "negative", "", "")]}


def test_unknown_labels_are_named(finished_run: RunConfig, write_rows: Callable[..., str]) -> None:
    table = write_rows("angry", (("ok", "angry", "en", "en", "test"),))
    with pytest.raises(InputError, match="'angry' is not among the classes"):
        evaluate_run(replace(finished_run, evaluation=EvaluationConfig((), "angry", (table,))))


def test_a_headline_that_was_not_measured_is_named(finished_run: RunConfig) -> None:
    with pytest.raises(InputError, match="headline data set 'umsab' was not measured; measured are ours"):
        headline(EvaluationConfig(), {"ours": {}})
    with pytest.raises(CheckpointError, match="There is no model 'nowhere'"):
        evaluate_run(replace(finished_run, checkpoint="nowhere"))


def test_stops_when_asked(finished_run: RunConfig) -> None:
    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        evaluate_run(finished_run, stop)


def test_predictions_are_those_of_predict(finished_run: RunConfig) -> None:
    classifier = load_classifier(finished_run.checkpoint)
    rows = [LabelledRow(text, "neutral", "", "") for text in TEXTS]
    assert predict_rows(classifier, rows) == [found.label for found in classifier.predict(TEXTS)]


def test_headline_table_by_hand() -> None:
    whole, half = {"value": 100.0, "low": 90.0, "high": 100.0}, {"value": 50.0, "low": 41.25, "high": 58.0}
    measured = {"by_language": {"de": {"count": 7, "metrics": {"macro_f1": whole}}, "hi": {"count": 12, "metrics": {"macro_f1": half}}},
                "mean_over_languages": {"macro_f1": half}}
    config = EvaluationConfig(headline="ours", references={"peer": {"de": 71.5}})
    assert format_headline({"headline": headline(config, {"ours": measured})}).splitlines() == [
        "ours validation, macro-F1 (0-100) [95 % bootstrap interval]",
        "language    rows  macro-F1                    peer",
        "de             7  100.0 [90.0, 100.0]         71.5",
        "hi            12  50.0 [41.2, 58.0]              -",
        "mean              50.0 [41.2, 58.0]     ",
    ]
