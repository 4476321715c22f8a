"""What the browser gets of a source, a translation and what links them."""

from __future__ import annotations

import json

import numpy as np

from ui.link_rows import _JS, link_data

SOURCE, TARGET = ("الخدمة سيئة", ("الخدمة", "سيئة")), ("服务\u202e很差", ("服务", "\u202e很差"))


def test_numbers_and_directions() -> None:
    scores, prefix = np.array([[0.5, -0.25], [0.1234, 0.0]]), np.array([[0.0, 0.0], [-2.0, 0.0]])
    data = link_data(SOURCE, TARGET, scores, prefix, signed=True, labels=("from", "into"))
    assert data["scores"] == [[0.5, -0.25], [0.123, 0.0]]
    assert data["prefix"] == [[0.0, 0.0], [-2.0, 0.0]]
    assert data["directions"] == ["rtl", "ltr"]
    assert data["target"] == ["服务", "⟦RLO⟧很差"]
    assert json.loads(json.dumps(data)) == data


def test_without_prefix_and_without_any_score() -> None:
    data = link_data(SOURCE, TARGET, np.zeros((2, 2)), None, signed=False, labels=("", ""))
    assert data["prefix"] is None
    assert data["scores"] == [[0.0, 0.0], [0.0, 0.0]]


def test_the_script_writes_text_only() -> None:
    assert "textContent" in _JS
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in _JS
