"""Run settings: a file becomes exactly the dataclass and back, and every mistake is named with its place."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.config import from_mapping, load_config, read_task, to_mapping
from models.data.corpus import CorpusConfig
from models.data.pair_corpus import PairCorpusConfig
from models.errors import ConfigError
from models.training.run import RunConfig
from models.training.translation_run import TranslationRunConfig

CONFIGS = Path(__file__).parents[2] / "configs"


@dataclass(frozen=True)
class Inner:
    """A section."""

    rate: float = 0.5
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    """A file."""

    title: str
    inner: Inner = field(default_factory=Inner)
    parts: tuple[Inner, ...] = ()
    limit: int | None = None
    on: bool = False
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    anything: Any = None


FULL = {"title": "t", "inner": {"rate": 1, "names": ["a", "b"]}, "parts": [{"rate": 0.25}, {}], "limit": 3, "on": True,
        "figures": {"peer": {"de": 70}}, "anything": [1, "x"]}


def test_by_hand() -> None:
    assert from_mapping(Outer, FULL) == Outer("t", Inner(1.0, ("a", "b")), (Inner(0.25), Inner()), 3, True, {"peer": {"de": 70.0}}, [1, "x"])
    assert from_mapping(Outer, {"title": "t", "limit": None}) == Outer("t")
    assert isinstance(from_mapping(Inner, {"rate": 1}).rate, float)


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"titel": 1}, "configuration has the unknown key 'titel'; known keys are title, inner, parts, limit, on, figures, anything"),
    ({"inner": {"rat": 1}}, "configuration: inner has the unknown key 'rat'; known keys are rate, names"),
    ({1: "x", "a": "y"}, "has the unknown key 1"),
    ({"title": 3}, "configuration: title is 3, expected str"),
    ({"title": None}, "configuration: title is None, expected str"),
    ({"inner": [1]}, r"inner is \[1\], expected a mapping of keys to values"),
    ({"inner": {"rate": "fast"}}, "inner: rate is 'fast', expected float"),
    ({"inner": {"rate": True}}, "inner: rate is True, expected float"),
    ({"inner": {"names": "ab"}}, "inner: names is 'ab', expected a list"),
    ({"inner": {"names": ["a", 2]}}, r"inner: names\[1\] is 2, expected str"),
    ({"parts": [{}, {"rate": []}]}, r"parts\[1\]: rate is \[\], expected float"),
    ({"limit": 1.5}, "limit is 1.5, expected int"),
    ({"limit": True}, "limit is True, expected int"),
    ({"on": 1}, "on is 1, expected bool"),
    ({"figures": [1]}, r"figures is \[1\], expected a mapping"),
    ({"figures": {"peer": 2}}, "figures.peer is 2, expected a mapping"),
    ({"figures": {"peer": {"de": "x"}}}, "figures.peer.de is 'x', expected float"),
])
def test_mistakes_are_named_with_their_place(changes: dict[Any, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        from_mapping(Outer, {"title": "t", **changes})


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("limit: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"run.yaml lacks the key 'title'; add it to the file"):
        load_config(Outer, tmp_path / "run.yaml")


def test_settings_need_a_dataclass() -> None:
    with pytest.raises(ConfigError, match="dict is not a dataclass"):
        from_mapping(dict, {})


@pytest.mark.parametrize(("content", "sentence"), [
    (b"a: [", "is not readable YAML: while parsing"),
    (b"title: \xff", "is not readable YAML"),
    (b"title: 2024-13-45", "is not readable YAML: month must be in"),
    (b"[" * 1_000, "is not readable YAML"),
    (b"- a", "holds list, expected a mapping"),
    (b"", "holds NoneType, expected a mapping"),
    (b"!!python/object/apply:os.getcwd []", "is not readable YAML: could not determine a constructor"),
], ids=range(7))
def test_unreadable_files_are_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_config(Outer, path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no configuration file .*nowhere.yaml"):
        load_config(Outer, tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read .*; give the path of a YAML file"):
        load_config(Outer, tmp_path)


@pytest.mark.parametrize(("content", "task"), [("title: x", "sentiment"), ("task: sentiment", "sentiment"), ("task: translation\nnew: 1", "translation")])
def test_the_task_of_a_file(tmp_path: Path, content: str, task: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(content, encoding="utf-8")
    assert read_task(path) == task


@pytest.mark.parametrize(("content", "sentence"), [
    ("task: summary", "run.yaml has the task 'summary'; tasks are sentiment, translation"), ("task:", "has the task None; tasks are"),
    ("task: [translation]", "has the task .'translation'.; tasks are"), ("- task", "holds list, expected a mapping"),
])
def test_an_unknown_task_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        read_task(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_files_survive_writing_and_reading(path: Path) -> None:
    run = TranslationRunConfig if read_task(path) == "translation" else RunConfig
    cls: type[Any] = {"corpus.yaml": CorpusConfig, "pairs.yaml": PairCorpusConfig}.get(path.name, run)
    config = load_config(cls, path)
    plain = to_mapping(config)
    assert from_mapping(cls, plain) == config
    assert from_mapping(cls, json.loads(json.dumps(plain))) == config
    assert from_mapping(cls, yaml.safe_load(yaml.safe_dump(plain))) == config


def test_plain_values_by_hand() -> None:
    assert to_mapping(from_mapping(Outer, FULL))["parts"] == [{"rate": 0.25, "names": []}, {"rate": 0.5, "names": []}]
