"""What the browser gets of an attribution."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ui.token_row import _JS, SHOWN_REST, direction, doubt_data, signed, token_data
from xai import Attribution


def make(text: str, scores: list[float], truncated_at: int | None = None) -> Attribution:
    tokens = tuple(text[:truncated_at].split())
    starts = [text.index(token) for token in tokens]
    return Attribution(
        text=text, tokens=tokens, offsets=tuple((start, start + len(token)) for start, token in zip(starts, tokens, strict=True)),
        word_ids=tuple(range(len(tokens))), scores=np.array(scores), method="shap", target="positive", output="probability", value=0.8, base_value=0.5,
        convergence_delta=0.0, evaluations=7, seconds=0.1, truncated_at=truncated_at,
    )


def test_sign_and_share_of_the_strongest() -> None:
    data = token_data(make("not bad film", [-0.2, 0.4, 0.0]), scale=0.4, label="SHAP")
    assert [token["text"] for token in data["tokens"]] == ["not", "bad", "film"]
    assert [token["share"] for token in data["tokens"]] == pytest.approx([-0.5, 1.0, 0.0])
    assert [token["score"] for token in data["tokens"]] == ["-0.200", "+0.400", "+0.000"]
    assert (data["direction"], data["label"], data["rest"]) == ("ltr", "SHAP", "")
    assert json.loads(json.dumps(data)) == data


def test_shares_are_clipped_and_a_scale_of_zero_is_replaced() -> None:
    assert [token["share"] for token in token_data(make("a b", [2.0, -3.0]), scale=1.0, label="")["tokens"]] == [1.0, -1.0]
    assert [token["share"] for token in token_data(make("a b", [0.5, -0.25]), scale=0.0, label="")["tokens"]] == [1.0, -0.5]
    assert [token["share"] for token in token_data(make("a b", [0.0, 0.0]), scale=0.0, label="")["tokens"]] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("score", "shown"), [(0.1234, "+0.123"), (-0.0005, "-0.001"), (0.0001, "+1e-04"), (-3e-7, "-3e-07"), (0.0, "+0.000"), (12.0, "+12.000")])
def test_small_scores_can_be_told_from_zero(score: float, shown: str) -> None:
    assert signed(score) == shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [("الخدمة كانت سيئة", "rtl"), ("האוטובוס איחר שוב ok", "rtl"), ("服务很好", "ltr"), ("ok ممتاز ok fine", "ltr"), ("😀 123", "ltr"), ("", "ltr")],
)
def test_direction_follows_most_letters(text: str, expected: str) -> None:
    assert direction(text) == expected


def test_arabic_row_runs_from_the_right_in_reading_order() -> None:
    data = token_data(make("الخدمة سيئة", [0.1, -0.3]), scale=0.3, label="")
    assert data["direction"] == "rtl"
    assert [token["text"] for token in data["tokens"]] == ["الخدمة", "سيئة"]


def test_what_was_cut_is_shown_as_rest() -> None:
    short = token_data(make("seen unseen", [0.1], truncated_at=4), scale=1, label="")
    assert short["rest"] == " unseen"
    long = token_data(make("seen" + "x" * (SHOWN_REST + 1), [0.1], truncated_at=4), scale=1, label="")
    assert long["rest"] == "x" * SHOWN_REST + "…"


def test_hidden_marks_are_shown_and_markup_stays_text() -> None:
    data = token_data(make("\u202e<img> ok", [0.1, 0.2], truncated_at=None), scale=1, label="")
    assert data["tokens"][0]["text"] == "⟦RLO⟧<img>"
    assert token_data(make("ok \u202ecut", [0.1], truncated_at=2), scale=1, label="")["rest"] == " ⟦RLO⟧cut"


def test_the_script_writes_text_only() -> None:
    assert "textContent" in _JS
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in _JS


def test_doubt_is_coloured_and_numbered_and_low_probability_marked() -> None:
    data = doubt_data("a b c d", ("a", "b", "c", "d"), [0.0, math.log(0.75), math.log(0.4), math.log(0.001)], label="sure")
    assert [token["share"] for token in data["tokens"]] == pytest.approx([0, 0.25, 0.6, 0.999])
    assert [token["score"] for token in data["tokens"]] == ["1.00", "0.75", "0.40", "1e-03"]
    assert [token["marked"] for token in data["tokens"]] == [False, False, True, True]
    assert (data["scale"], data["direction"], data["rest"]) == ("doubt", "ltr", "")
    assert json.loads(json.dumps(data)) == data


def test_doubt_runs_from_the_right_and_shows_marks() -> None:
    data = doubt_data("الخدمة \u202eسيئة", ("الخدمة", "\u202eسيئة"), [-0.1, -0.2], label="")
    assert data["direction"] == "rtl"
    assert data["tokens"][1]["text"] == "⟦RLO⟧سيئة"
