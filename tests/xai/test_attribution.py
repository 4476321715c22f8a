from __future__ import annotations

import json

import numpy as np
import pytest

from models.errors import ModelError
from xai import Attribution


def make(**changes: object) -> Attribution:
    values = {
        "text": "ab cd", "tokens": ("a", "b", "cd"), "offsets": ((0, 1), (1, 2), (3, 5)), "word_ids": (0, 0, 1),
        "scores": np.array([0.1, -0.3, 0.5]), "method": "shap", "target": "positive", "output": "probability", "value": 0.8,
        "base_value": 0.5, "convergence_delta": 0.0, "evaluations": 7, "seconds": 0.1,
    }
    return Attribution(**{**values, **changes})  # type: ignore[arg-type]


def test_words_merges_tokens_and_keeps_the_sum() -> None:
    words = make().words()
    assert words.tokens == ("ab", "cd")
    assert words.offsets == ((0, 2), (3, 5))
    assert words.scores == pytest.approx([-0.2, 0.5])


def test_json_dict_is_plain() -> None:
    content = json.loads(json.dumps(make().to_json_dict()))
    assert content["scores"] == [0.1, -0.3, 0.5]
    assert content["offsets"][2] == [3, 5]


def test_wrong_number_of_scores_is_refused() -> None:
    with pytest.raises(ModelError, match="expected one a token"):
        make(scores=np.zeros(2))


def test_nan_is_refused() -> None:
    with pytest.raises(ModelError, match="not numbers"):
        make(scores=np.array([0.0, np.nan, 0.0]))
