"""`python -m audit run`: the same report as the function the page calls, three files, exit codes, one sentence for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from audit.__main__ import main
from audit.columns import AuditColumns
from audit.commands.run import read_budgets
from audit.report import AuditConfig
from audit.run import run_audit
from audit.save import report_json
from audit.table import read_audit_table
from models.classifier import Classifier
from models.errors import ConfigError

LABELS = ("negative", "neutral", "positive")
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cultures, of which one is predicted worse by thirty points, and one with markup for a name."""
    generator = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("audit") / "rows.csv"
    lines = ["text,label,prediction,culture"]
    for culture, right in (("de", 0.9), ("hi", 0.6), (HOSTILE.replace('"', '""'), 0.9)):
        for number in range(300):
            gold = number % 3
            said = gold if generator.random() < right else (gold + 1) % 3
            lines.append(f'text {number},{LABELS[gold]},{LABELS[said]},"{culture}"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(table: Path, folder: Path, *words: str) -> int:
    return main(["run", "--input", str(table), "--output", str(folder), "--resamples", "400", *words])


def test_report_is_that_of_the_function_and_bitwise_the_same_again(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table, tmp_path / "a", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert run(table, tmp_path / "b") == 0
    written = (tmp_path / "a" / "report.json").read_bytes()
    assert written == (tmp_path / "b" / "report.json").read_bytes()
    result = run_audit(read_audit_table(table), "sentiment", AuditColumns(), AuditConfig(resamples=400))
    assert written == report_json(result) and json.loads(written) == printed
    assert printed["gaps"]["accuracy"]["worst"] == "hi" and printed["gaps"]["accuracy"]["verdict"] == "gap"
    rows = parquet.read_table(tmp_path / "a" / "rows.parquet")
    assert rows.num_rows == 900 and rows["audit_correct"].to_pylist().count(True) == round(9 * printed["overall"]["metrics"]["accuracy"]["value"])


def test_a_budget_fails_only_what_is_proven_larger(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(table, tmp_path, "--budget", "f1=10") == 1
    said = capsys.readouterr().err
    assert "Macro-F1: the gap of" in said and "is proven larger than the budget of 10" in said and "hi" in said
    assert run(table, tmp_path, "--budget", "f1=40", "--budget", "accuracy=29") == 0
    assert run(table, tmp_path, "--budget", "accuracy=10", "--language", "zh") == 1
    assert "经证实大于允许的 10" in capsys.readouterr().err


def test_the_card_opens_offline_and_keeps_markup_as_text(table: Path, tmp_path: Path) -> None:
    assert run(table, tmp_path) == 0
    card = (tmp_path / "report.html").read_text(encoding="utf-8")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert "<img" not in card and "&lt;img src=x" in card
    assert "default-src 'none'" in card and 'src="http' not in card and "<link" not in card
    assert report["signature"]["data_sha256"] in card and "n=300" in card
    gap = report["gaps"]["macro_f1"]
    assert f"{gap['value']:.1f} [{gap['low']:.1f}, {gap['high']:.1f}]" in card


def test_a_model_predicts_where_the_table_does_not(table: Path, tmp_path: Path, embedded: Path, tiny_bert: Classifier) -> None:
    without = tmp_path / "rows.jsonl"
    without.write_text("".join(json.dumps({"text": f"bus {number} is {'late' if number % 2 else 'good'}", "label": LABELS[number % 3],
                                           "culture": "en" if number < 40 else "zh"}) + "\n" for number in range(80)), encoding="utf-8")
    assert main(["run", "--input", str(without), "--model", "bert", "--output", str(tmp_path), "--resamples", "100"]) == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["signature"]["model"] == {"name": "bert", "fingerprint": tiny_bert.fingerprint}
    assert {"ece", "brier"} <= set(report["overall"]["metrics"])
    said = [prediction.label for prediction in tiny_bert.predict([json.loads(line)["text"] for line in without.read_text().splitlines()])]
    assert parquet.read_table(tmp_path / "rows.parquet")["prediction"].to_pylist() == said


@pytest.mark.parametrize(("words", "sentence"), [
    (["--budget", "joy=3"], "names the metric 'joy'; measured are macro_f1"), (["--budget", "f1"], "is not a metric and a number"),
    (["--budget", "f1=3", "--budget", "macro_f1=4"], "has two budgets"), (["--budget", "f1=-1"], "expected values of 0 or more"),
    (["--culture-column", "country"], "has no column 'country'"), (["--target-language", "zh"], "expected --task translation"),
    (["--resamples", "5"], "expected 100 resamples or more"), (["--minimum-group", "400"], "The largest of 3 groups has 300 rows"),
])
def test_bad_input_is_one_sentence(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert run(table, tmp_path / "out", *words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ") and sentence in said
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_folder_that_cannot_be_made_is_found_before_the_work(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(table, tmp_path / "file" / "out") == 2
    assert "cannot be made" in capsys.readouterr().err


def test_budgets_are_read() -> None:
    assert read_budgets(["f1=10", "ece = 0.1"]) == {"macro_f1": 10.0, "ece": 0.1}
    with pytest.raises(ConfigError, match="'f1=ten' is not a metric and a number"):
        read_budgets(["f1=ten"])


def test_help_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "--budget METRIC=VALUE" in capsys.readouterr().out
