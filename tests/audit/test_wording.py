"""The words of a report: every language has every text, verdicts carry their interval, hostile names stay short and visible."""

from __future__ import annotations

import re

import pytest

from audit.gaps import VERDICTS, Gap
from audit.wording import FOLDER, budget_sentence, metric_name, say, shown, verdict
from models.errors import ConfigError

LANGUAGES = ("en", "zh")


def gap(kind: str) -> Gap:
    return Gap("de", "hi", 19.84, 15.71, 24.13, None, 0.0005, 0.001, 6.25, 5.0, kind)


def keys(language: str) -> list[str]:
    return re.findall(r"^([a-z][\w-]*) =", (FOLDER / f"{language}.ftl").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_catalogues_hold_the_same_texts_with_the_same_values() -> None:
    assert keys("en") == keys("zh") and len(set(keys("en"))) == len(keys("en"))
    sources = [dict(re.findall(r"^([a-z][\w-]*) = (.*)$", (FOLDER / f"{name}.ftl").read_text(encoding="utf-8"), flags=re.MULTILINE)) for name in LANGUAGES]
    for key in keys("en"):
        assert {*re.findall(r"\$(\w+)", sources[0][key])} == {*re.findall(r"\$(\w+)", sources[1][key])}, key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", VERDICTS)
def test_a_verdict_is_never_without_its_interval(language: str, kind: str) -> None:
    sentence = verdict(language, "macro_f1", gap(kind))
    assert "19.8 [15.7, 24.1]" in sentence and "de" in sentence and "hi" in sentence


def test_verdicts_say_different_things() -> None:
    assert "differs between groups: de is 19.8 [15.7, 24.1] better than hi" in verdict("en", "macro_f1", gap("gap"))
    assert "within the budget of 5.0" in verdict("en", "macro_f1", gap("no gap"))
    assert "show a difference of 6.2 or more" in verdict("en", "macro_f1", gap("cannot tell"))
    assert "proven larger than the budget of 5" in budget_sentence("en", "macro_f1", gap("gap"))


def test_names() -> None:
    assert metric_name("en", "recall_positive") == "Recall of positive" and metric_name("zh", "ece") == "期望校准误差"
    assert len(shown("x" * 500)) == 60 and "\u202e" not in shown("a\u202eb")
    with pytest.raises(ConfigError, match="no text 'metric-name-joy'"):
        metric_name("en", "joy")
    with pytest.raises(ConfigError, match="cannot be formatted"):
        say("en", "verdict-gap")
