"""Copies of the tiny models to break, a finished run to measure, and strings that people really send."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.config import from_mapping
from models.loading import load_translator
from models.training.run import RunConfig
from models.translator import Translator

ROWS = (
    ("The soup was wonderful.", "positive", "en", "en-US", "test"),
    ("The bus never came.", "negative", "en", "en-GB", "test"),
    ("It is a bus.", "neutral", "en", "en-GB", "validation"),
    ("Gar nicht mal so übel", "positive", "de", "de-DE", "test"),
    ("Der Bus kam wieder zu spät", "negative", "de", "de-DE", "test"),
    ("a train row must not be measured", "negative", "en", "en-US", "train"),
    ("no label", "", "en", "en-US", "test"),
    (" \u200b ", "neutral", "de", "de-DE", "test"),
)


@pytest.fixture(scope="session")
def toy_translator() -> Translator:
    """The embedded toy translator, which knows the sentences of data/toy/pairs.jsonl."""
    return load_translator(str(Path(__file__).parents[2] / "checkpoints" / "toy-translation"))


@pytest.fixture
def copy_of(tiny_checkpoints: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copies one of the tiny models into a folder of its own, with settings of config.json changed."""

    def copy(name: str = "bert", **settings: Any) -> Path:
        folder = tmp_path / f"{name}-copy"
        shutil.copytree(tiny_checkpoints / name, folder)
        change_json(folder / "config.json", **settings)
        return folder

    return copy


@pytest.fixture
def change_settings() -> Callable[..., None]:
    """Changes values of a JSON file."""
    return change_json


def change_json(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **settings}), encoding="utf-8")


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., str]:
    """Writes a JSON Lines table of (text, label, language, culture, split) and returns its path."""

    def write(name: str = "ours", rows: tuple[tuple[str, ...], ...] = ROWS) -> str:
        path = tmp_path / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        keys = ("text", "label", "language", "culture", "split")
        path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def finished_run(copy_of: Callable[..., Path], write_rows: Callable[..., str], tmp_path: Path) -> RunConfig:
    """A run whose checkpoint is the tiny BERT and whose only measured table is `ours`."""
    checkpoint = copy_of("bert")
    config = from_mapping(RunConfig, {
        "name": "tiny", "corpus": str(tmp_path / "corpus"), "folder": str(tmp_path / "run"), "checkpoint": str(checkpoint),
        "finetuning": {"phases": [{"name": "transfer"}]},
        "evaluation": {"datasets": [], "headline": "ours", "tables": [write_rows()], "resamples": 50,
                       "references": {"peer": {"de": 71.5}}},
    })
    phase = {"phase": "transfer", "steps": 1200, "rows": 34000, "seconds": 150.0, "padding_percent": 4.25, "stopped_early": True}
    stages = {"pretraining": {"steps": 5000, "seconds": 3600.0, "padding_percent": 3.0}, "finetuning": {"phases": [phase]}}
    settings = {"config": asdict(config), "stages": stages}
    (checkpoint / "run.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(settings))), encoding="utf-8")
    return config


@pytest.fixture
def run_file(finished_run: RunConfig, tmp_path: Path) -> Path:
    """The finished run as a YAML file."""
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(asdict(finished_run)))), encoding="utf-8")
    return path
