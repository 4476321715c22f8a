"""Reading a probe file, and what the shipped one promises."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from audit import read_probe
from audit.probe import LABELS
from models.errors import InputError
from models.messages import catalogue
from models.text import check_text
from ui.texts import FOLDER, LANGUAGES, translate

FIELDS = {"id": "zh-CN-01", "text": "好", "label": "positive", "language": "zh", "culture": "zh-CN", "scenario": "meal_out", "gloss": "good",
          "phenomena": ["food"]}
TAGS = {"negation", "irony", "understatement", "idiom", "politeness", "intensifier", "code-switching", "emoji", "food", "holiday", "family", "work"}
SCENARIOS = 12  # each under every label, and a few free sentences more


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "probe.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_line_becomes_a_sentence(tmp_path: Path) -> None:
    first, second = read_probe(write(tmp_path, FIELDS, {**FIELDS, "id": "zh-CN-02", "phenomena": []}))
    assert {**vars(first), "phenomena": list(first.phenomena)} == FIELDS
    assert second.id == "zh-CN-02"
    assert second.phenomena == ()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "line 2 is not a probe sentence"),
        ("", "line 2 is not a probe sentence"),
        ("[1]", "line 2 is not a probe sentence"),
        ({**FIELDS, "extra": "x"}, "line 2 is not a probe sentence .*extra"),
        ({key: value for key, value in FIELDS.items() if key != "gloss"}, "line 2 is not a probe sentence .*gloss"),
        ({key: value for key, value in FIELDS.items() if key != "phenomena"}, "line 2 is not a probe sentence .*phenomena"),
        ({**FIELDS, "phenomena": "irony"}, "line 2 .*phenomena is str, expected a list"),
        ({**FIELDS, "text": 5}, "line 2 .*text is int, expected a string"),
        ({**FIELDS, "id": "b", "label": "angry"}, "line 2 has the label 'angry', expected one of negative, neutral, positive"),
        (FIELDS, "line 2 has the id 'zh-CN-01' of a line before it"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_probe(write(tmp_path, FIELDS, line))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.jsonl cannot be read .*; restore it"):
        read_probe(tmp_path / "nothing.jsonl")


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gb.jsonl"
    path.write_bytes(json.dumps(FIELDS, ensure_ascii=False).encode("gb18030"))
    with pytest.raises(InputError, match=r"gb.jsonl is not UTF-8 \(byte \d+\)"):
        read_probe(path)


def test_the_shipped_set_is_big_enough() -> None:
    counts = Counter(sentence.culture for sentence in read_probe())
    assert len(counts) >= 12
    assert set(counts.values()) == {40}


def test_the_shipped_ids_and_texts_are_unique() -> None:
    found = read_probe()
    assert [count for count in Counter(sentence.id for sentence in found).values() if count > 1] == []
    assert [text for text, count in Counter(" ".join(sentence.text.split()).casefold() for sentence in found).items() if count > 1] == []
    for sentence in found:
        assert sentence.id.startswith(f"{sentence.culture}-")
        assert sentence.culture.startswith(f"{sentence.language}-")
        assert check_text(sentence.text) == sentence.text, f"{sentence.id} is changed by cleaning; write it in NFC without control characters"
        assert sentence.text.strip() == sentence.text
        assert sentence.gloss.strip(), sentence.id


def test_every_culture_has_every_scenario_under_every_label() -> None:
    by_culture: dict[str, set[tuple[str, str]]] = {}
    for sentence in read_probe():
        by_culture.setdefault(sentence.culture, set()).add((sentence.scenario, sentence.label))
    shared = set.intersection(*by_culture.values())
    scenarios = {scenario for scenario, _ in shared}
    assert len(scenarios - {"free"}) == SCENARIOS
    assert shared >= {(scenario, label) for scenario in scenarios for label in LABELS}
    for culture, pairs in by_culture.items():
        assert {scenario for scenario, _ in pairs} == scenarios, culture


def test_every_tag_is_allowed_and_no_sentence_has_one_twice() -> None:
    used = {tag for sentence in read_probe() for tag in sentence.phenomena}
    assert used == TAGS
    for sentence in read_probe():
        assert len(set(sentence.phenomena)) == len(sentence.phenomena), sentence.id


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_tag_and_culture_is_named_in_each_catalogue(lang: str) -> None:
    tags = {translate(lang, f"phenomenon-{tag}") for tag in TAGS}
    assert len(tags) == len(TAGS)
    cultures = {sentence.culture for sentence in read_probe()}
    names = {translate(lang, f"culture-{culture}") for culture in cultures}
    assert len(names) == len(cultures)
    assert catalogue(FOLDER, lang).locales == [{"zh": "zh-CN"}.get(lang, lang)]
