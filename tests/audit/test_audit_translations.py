"""The audit of translations: the numbers of `models evaluate` by group, errors marked by row, one sentence for what cannot be measured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.card import card_html
from audit.columns import AuditColumns
from audit.report import AuditConfig
from audit.run import AuditResult, run_audit
from audit.save import report_json
from audit.table import AuditTable, parse_audit_table
from audit.wording import verdict_lines
from models.errors import ConfigError, InputError
from models.translation_metrics import measure_translations

COLUMNS = AuditColumns(label="reference", prediction="hypothesis")
CONFIG = AuditConfig(minimum_group=3, resamples=200)
PAIRS = [
    ("Der Zug kommt um 15 Uhr in Bremen an.", "The train arrives in Bremen at 15 o'clock."),
    ("Meine Oma backt jeden Sonntag einen Kuchen.", "My grandma bakes a cake every Sunday."),
    ("Das Wetter bleibt bis Freitag schlecht.", "The weather stays bad until Friday."),
    ("Anna hat drei neue Bücher gekauft.", "Anna has bought three new books."),
]


def rows_of(culture: str, hypotheses: list[str]) -> list[dict[str, Any]]:
    languages = {"source_language": "de", "target_language": "en"}
    return [{"text": source, "reference": reference, "hypothesis": said, **languages, "culture": culture, "item": str(number)}
            for number, ((source, reference), said) in enumerate(zip(PAIRS, hypotheses, strict=True))]


GOOD = [reference for _, reference in PAIRS]
BAD = ["The train arrives in Hamburg at 5 o'clock.", PAIRS[1][0], "Weather weather weather weather weather weather weather.", "Anna books."]
ROWS = rows_of("de-AT", BAD) + rows_of("de-DE", GOOD)


def table(rows: list[dict[str, Any]]) -> AuditTable:
    return parse_audit_table("".join(json.dumps(row) + "\n" for row in rows).encode(), "pairs.jsonl")


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return run_audit(table(ROWS), "translation", COLUMNS, CONFIG)


def test_groups_have_the_metrics_of_the_evaluation(result: AuditResult) -> None:
    assert [group.group for group in result.report.by_culture] == ["de-AT", "de-DE"]
    for group, said in zip(result.report.by_culture, (BAD, GOOD), strict=True):
        expected = measure_translations("x", said, GOOD, "en", resamples=10)
        for name, metric in expected.metrics.items():
            assert group.metrics[name].value == pytest.approx(metric.value, abs=1e-9), name
    whole = measure_translations("x", BAD + GOOD, GOOD + GOOD, "en", resamples=10)
    assert result.report.overall.metrics["bleu"].value == pytest.approx(whole.metrics["bleu"].value, abs=1e-9)
    assert result.report.signature["metrics"]["bleu"] == whole.signatures["bleu"]


def test_errors_are_told_by_kind_and_row(result: AuditResult) -> None:
    bad = result.report.by_culture[0].metrics
    assert (bad["untranslated"].value, bad["repeated"].value, bad["number_kept"].value) == (25, 25, 0)
    assert result.report.by_culture[1].metrics["number_kept"].value == 100
    errors = result.rows["audit_errors"].to_pylist()
    assert [set(cell.split("|")) for cell in errors[4:]] == [{""}] * 4
    assert {"number", "name"} <= set(errors[0].split("|")) and "untranslated" in errors[1] and "repeated" in errors[2]


def test_the_gap_and_its_budget(result: AuditResult) -> None:
    gap = result.report.gaps["chrf"]
    assert (gap.best, gap.worst) == ("de-DE", "de-AT") and gap.value > 30
    with pytest.raises(ConfigError, match="names the metric 'f1'"):
        run_audit(table(ROWS), "translation", COLUMNS, AuditConfig(minimum_group=3, budgets={"f1": 1}))


def test_a_parallel_table_is_compared_by_item() -> None:
    paired = run_audit(table(ROWS), "translation", AuditColumns(label="reference", prediction="hypothesis", item="item"), CONFIG)
    assert paired.report.items == 4


def test_scores_of_several_target_languages_come_with_a_caution(result: AuditResult) -> None:
    """Whether 60 in Dutch is better than 50 in English nobody can say; whether more of it is left untranslated everybody can."""
    rows = [{**row, "target_language": "nl"} if row["culture"] == "de-AT" else row for row in ROWS]
    mixed = run_audit(table(rows), "translation", COLUMNS, CONFIG).report
    assert mixed.signature["target_languages"] == ["en", "nl"] and result.report.signature["target_languages"] == ["en"]
    caution = "several languages (en, nl), and their chrF is on no common scale"
    assert caution in " ".join(verdict_lines("en", mixed, "chrf")) and "没有共同的尺度" in " ".join(verdict_lines("zh", mixed, "chrf"))
    for report, metric in ((mixed, "untranslated"), (result.report, "chrf")):
        assert "no common scale" not in " ".join(verdict_lines("en", report, metric))


def test_what_is_counted_differently_is_shown_by_group_and_says_why_it_has_no_gap() -> None:
    said = {"target_language": "zh", "reference": "火车十五点到达不来梅。", "hypothesis": "火车五点到达汉堡。"}
    result = run_audit(table([{**row, **said} if row["culture"] == "de-AT" else row for row in ROWS]), "translation", COLUMNS, CONFIG)
    report = result.report
    assert "bleu" not in report.overall.metrics and "bleu" not in report.gaps and "bleu" in report.metrics
    (line,) = verdict_lines("en", report, "bleu")
    assert line.startswith("BLEU is counted in several ways for these languages (en, zh)")
    card = card_html(result, "en")
    assert f"{report.by_culture[0].metrics['bleu'].value:.1f} [" in card and card.count("BLEU") > 3


def test_the_report_is_json_and_the_same_again(result: AuditResult) -> None:
    content = json.loads(report_json(result))
    assert content["task"] == "translation" and content["classes"] == [] and "confusion" not in content["by_culture"][0]
    assert report_json(run_audit(table(ROWS), "translation", COLUMNS, CONFIG)) == report_json(result)


def test_rows_without_a_hypothesis_are_left_out_and_counted() -> None:
    found = run_audit(table([*ROWS, {**ROWS[0], "hypothesis": ""}]), "translation", COLUMNS, CONFIG)
    assert found.report.left_out == {"empty hypothesis": 1} and found.report.overall.count == 8


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(InputError, match="has no column 'target_language'"):
        run_audit(table([{key: value for key, value in row.items() if key != "target_language"} for row in ROWS]), "translation", COLUMNS, CONFIG)
    mixed = [{**row, "target_language": "zh" if number % 2 else "en"} for number, row in enumerate(ROWS)]
    with pytest.raises(InputError, match="The group de-AT is translated into en, zh"):
        run_audit(table(mixed), "translation", COLUMNS, CONFIG)
