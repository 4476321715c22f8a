"""`python -m models train` on a tiny table: all stages, a second time, a single stage, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from models.__main__ import main
from models.loading import load_classifier
from models.training.loop import read_log

STAGES = ["tokenizer", "pack", "pretraining", "finetuning", "export"]
WORDS = {"negative": ("awful", "cold", "late"), "neutral": ("ordinary", "brown", "round"), "positive": ("lovely", "great", "sweet")}
THINGS = ("soup", "bus", "song", "rice", "tea", "shop", "film", "bread")
LOOP = {"learning_rate": 0.01, "batch_tokens": 512, "precision": "fp32", "seed": 1}


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """A run sets the number of threads; the other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def write_config(folder: Path, **changes: Any) -> str:
    """The YAML of a run on 72 sentences whose only adjective says the label."""
    folder.mkdir(exist_ok=True)
    rows = [{"text": f"the {thing} was {word}", "label": label, "language": "en", "document": thing, "position": 3 * n + m, "dataset": "umsab"}
            for thing in THINGS for n, (label, words) in enumerate(WORDS.items()) for m, word in enumerate(words)]
    (folder / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    content = {
        "name": "tiny", "corpus": str(folder / "table.jsonl"), "folder": str(folder / "run"), "checkpoint": str(folder / "tiny"), "threads": 1,
        "tokenizer": {"vocab_size": 400, "min_frequency": 2, "max_length": 24}, "pack": {"max_length": 24},
        "encoder": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "max_length": 24},
        "pretraining": {"loop": {**LOOP, "steps": 5}},
        "finetuning": {"dropout": 0.0, "phases": [{"name": "only", "loop": {**LOOP, "steps": 60, "ema_decay": 0.9, "evaluate_every": 20}}]},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**content, **changes}), encoding="utf-8")
    return str(folder / "tiny.yaml")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The YAML of a run that has been through all stages on the command line."""
    config = write_config(tmp_path_factory.mktemp("trained"))
    assert main(["train", config]) == 0
    return config


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr that reports an error."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    return line


def test_trained_model_has_learnt_the_adjectives(trained: str) -> None:
    classifier = load_classifier(str(Path(trained).parent / "tiny"))
    assert classifier.labels == ("negative", "neutral", "positive")
    pairs = [(f"the {thing} was {word}", label) for label, words in WORDS.items() for thing, word in product(THINGS, words)]
    predicted = [prediction.label for prediction in classifier.predict([text for text, _ in pairs])]
    assert sum(label == expected for label, (_, expected) in zip(predicted, pairs, strict=True)) > 0.9 * len(pairs)
    unseen = [prediction.label for prediction in classifier.predict(["the tea and the rice and the film was awful", "the shop was lovely lovely"])]
    assert unseen == ["negative", "positive"]


def test_resuming_a_finished_run_says_the_same(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(trained).parent / "run"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "stages.json"}
    assert main(["train", trained, "--resume", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert list(done) == STAGES
    assert done["pretraining"]["steps"] == 5
    assert done["finetuning"]["phases"][0]["steps"] == 60
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != "stages.json"} == before


def test_one_line_a_stage_on_stdout_and_progress_on_stderr(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", trained, "--stages", "pretraining, export"]) == 0
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines()] == STAGES
    shown = dict(line.split(": ", 1) for line in printed.out.splitlines())
    assert shown["pack"].startswith("rows 72, tokens ")
    assert shown["pretraining"].startswith("steps 5, seconds ")
    assert shown["finetuning"].startswith("only (steps 60, ")
    assert "pretraining: 100%" in printed.err
    assert [entry["step"] for entry in read_log(Path(trained).parent / "run" / "pretraining")] == [1, 2, 3, 4, 5]


def test_json_of_single_stages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    assert main(["train", config, "--stages", "tokenizer,pack", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert list(done) == ["tokenizer", "pack"]
    assert done["pack"]["rows"] == 72
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["packed", "stages.json", "tokenizer"]


@pytest.mark.parametrize(("stages", "sentence"), [
    ("fly", "error: --stages is 'fly', expected some of tokenizer, pack, pretraining, finetuning, export."),
    ("pack,fly", "error: There is no stage 'fly'; stages are tokenizer, pack, pretraining, finetuning, export."),
    ("export", "model does not exist; run the finetuning stage first."),
    ("pack", "tokenizer.json does not exist; run the tokenizer stage first."),
])
def test_stages_that_cannot_run_are_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str], stages: str, sentence: str) -> None:
    assert main(["train", write_config(tmp_path), "--stages", stages]) == 2
    assert sentence in error_of(capsys)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"encodr": {}}, "tiny.yaml has the unknown key 'encodr'; known keys are name, corpus,"),
    ({"pretraining": {"loop": {"precision": "fp16"}}}, "loop precision is 'fp16', expected auto, fp32 or bf16."),
    ({"corpus": "/nowhere/table.jsonl"}, "is neither a corpus folder nor a table"),
    ({"tokenizer": {"vocab_size": 100}}, "vocab_size is 100, expected more than 261"),
])
def test_bad_settings_are_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], sentence: str
) -> None:
    assert main(["train", write_config(tmp_path, **changes)]) == 2
    assert sentence in error_of(capsys)


def test_missing_settings_are_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(tmp_path / "none.yaml")]) == 2
    assert "There is no configuration file" in error_of(capsys)
