"""The model card: measured figures only, readable as front matter, and whole or unchanged on a full disk."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import yaml

from models.card import format_card, training_cost, training_data, write_card
from models.data.schema import COLUMNS
from models.errors import CheckpointError, DiskError
from models.loading import load_classifier
from models.training.run import RunConfig

FIGURE = {"value": 61.25, "low": 50.0, "high": 70.04}
METRICS = {"macro_f1": FIGURE, "accuracy": {**FIGURE, "value": 66.0}, "flip_rate": {"value": 3.0, "low": 0.0, "high": 9.0}}
REPORT: dict[str, Any] = {
    "headline": {"dataset": "ours", "mean_macro_f1": FIGURE,
                 "rows": [{"language": "de", "count": 7, "macro_f1": FIGURE, "references": {"peer": 71.5}},
                          {"language": "hi", "count": 9, "macro_f1": FIGURE, "references": {"peer": None}}]},
    "by_culture": [{"culture": "de-DE", "count": 1234, "metrics": METRICS}],
}
DATA = [{"dataset": "toy", "rows": 5000, "train": 4500, "languages": ["de", "pt-MZ"], "licences": ["CC0", "MIT"]}]


def test_card_and_figures_are_read_back_with_the_model(finished_run: RunConfig) -> None:
    write_card(finished_run, {**REPORT, "training_data": []})
    card = load_classifier(finished_run.checkpoint).card
    assert card["evaluation"] == {**REPORT, "training_data": []}
    assert card["metadata"]["license_name"] == "research-only"
    assert card["text"].lstrip().startswith("# tiny\n")
    assert not list(Path(finished_run.checkpoint).glob("*.part"))


def test_lines_by_hand(finished_run: RunConfig) -> None:
    run = yaml.safe_load((Path(finished_run.checkpoint) / "run.yaml").read_text(encoding="utf-8"))
    card = format_card(finished_run, run, {**REPORT, "training_data": DATA})
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["language"] == ["de", "pt"]
    assert front["datasets"] == ["toy"]
    assert front["metrics"] == [{"name": "macro-F1, ours validation, mean over languages", "value": 61.2}]
    lines = card.splitlines()
    for line in ("| language | texts | macro-F1 | peer |", "| de | 7 | 61.2 [50.0, 70.0] | 71.5 |", "| hi | 9 | 61.2 [50.0, 70.0] | - |",
                 "| **mean** | | **61.2 [50.0, 70.0]** | |", "| de-DE | 1,234 | 61.2 [50.0, 70.0] | 66.0 [50.0, 70.0] | 3.0 [0.0, 9.0] |",
                 "| toy | 5,000 | 4,500 | de, pt-MZ | CC0; MIT |"):
        assert line in lines
    assert "4 layers of 256, 4 heads, 40,000 pieces" in card
    assert "wide half" not in card
    run["config"]["finetuning"]["wide"]["share"] = 0.5
    card = format_card(finished_run, run, {**REPORT, "training_data": DATA})
    assert "a wide half, linear experts on hashed n-grams with a weight of 0.5 in the answer" in card
    assert f"Texts over {finished_run.encoder.max_length} tokens are cut" in card


def test_cost_by_hand() -> None:
    phase = {"phase": "one", "steps": 1200, "rows": 34000, "seconds": 150.0, "padding_percent": 4.25, "stopped_early": True}
    stages = {"pretraining": {"steps": 5000, "seconds": 3600.0, "padding_percent": 3.0},
              "finetuning": {"phases": [phase, {**phase, "phase": "two", "stopped_early": False},
                                        {"phase": "wide", "experts": 9, "score": 61.24, "cross_entropy": 0.85, "seconds": 300.0}]}}
    assert training_cost({"stages": stages}).splitlines() == [
        "- Pre-training (masked language model and next sentence): 5,000 steps, 60 minutes, padding 3.0 %.",
        "- Transfer, phase one: 1,200 steps over 34,000 rows, 2 minutes, padding 4.2 %, stopped early.",
        "- Transfer, phase two: 1,200 steps over 34,000 rows, 2 minutes, padding 4.2 %.",
        "- Wide half: 9 linear experts, 5 minutes; on development rows that it had not seen, both halves together have a macro-F1 of 61.2.",
    ]
    assert training_cost({}) == ""


def test_training_data_is_counted_in_the_corpus(finished_run: RunConfig) -> None:
    assert training_data(finished_run) == []
    rows = [("good", "positive", "de", "de-DE", "talk", "toy", "train", "CC0", "", 0),
            ("bad", "negative", "hi", "hi", "talk", "toy", "validation", "MIT", "", 0)]
    Path(finished_run.corpus).mkdir()
    table = pyarrow.table(dict(zip(COLUMNS, (list(column) for column in zip(*rows, strict=True)), strict=True)))
    pyarrow.parquet.write_table(table, Path(finished_run.corpus) / "corpus.parquet")
    assert training_data(finished_run) == [{"dataset": "toy", "rows": 2, "train": 1, "languages": ["de", "hi"], "licences": ["CC0", "MIT"]}]


@pytest.mark.parametrize(("previous", "kept"), [
    (json.dumps({"training_data": DATA}), DATA), ("", []), ('{"training_data": [', []), ("[]", []), ("{}", []),
], ids=["whole", "empty", "half-written", "list", "without"])
def test_table_of_training_data_outlives_the_corpus(finished_run: RunConfig, previous: str, kept: list[dict[str, Any]]) -> None:
    path = Path(finished_run.checkpoint) / "evaluation.json"
    path.write_text(previous, encoding="utf-8")
    write_card(finished_run, REPORT)
    assert json.loads(path.read_text(encoding="utf-8"))["training_data"] == kept


def test_a_folder_without_settings_is_refused(finished_run: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"run.yaml does not exist; run `python -m models train`"):
        write_card(replace(finished_run, checkpoint=str(tmp_path)), REPORT)


def test_a_full_disk_leaves_the_old_card(finished_run: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(finished_run.checkpoint)
    write_card(finished_run, REPORT)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    own = Path.write_text

    def write(path: Path, content: str, **settings: Any) -> int:
        if path.name.startswith("README"):
            own(path, content[:20], **settings)
            raise OSError(errno.ENOSPC, "No space left on device")
        return own(path, content, **settings)

    monkeypatch.setattr(Path, "write_text", write)
    changed = {**REPORT, "by_culture": []}
    with pytest.raises(DiskError, match=r"could not be written .No space left on device.; free some space"):
        write_card(finished_run, changed)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
