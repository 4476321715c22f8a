from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.tokens import TokenizedText
from xai.sequence_attribution import ATTENTION_SHARE, SequenceAttribution

SOURCE = TokenizedText("ab cd", (7, 1, 2, 3, 4), (True, False, False, False, True), ((0, 1), (1, 2), (3, 5)), ((1,), (2,), (3,)), (0, 0, 1), None)
TARGET = TokenizedText("xyz w", (9, 5, 6, 7, 4), (True, False, False, False, True), ((0, 2), (2, 3), (4, 5)), ((1,), (2,), (3,)), (0, 0, 1), None)


def make(**changes: Any) -> SequenceAttribution:
    values: dict[str, Any] = {
        "method": "shap", "source": SOURCE, "target": TARGET, "source_language": "en", "target_language": "zh",
        "source_scores": np.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0], [0.0, 0.25, 4.0]]),
        "prefix_scores": np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [1.0, -2.0, 0.0]]),
        "values": np.array([-1.0, -2.0, -3.0]), "base_values": np.array([-7.0, -2.0, -6.25]), "convergence_delta": np.array([0.0, 0.0, 0.1]),
        "evaluations": 9, "seconds": 0.1,
    }
    return SequenceAttribution(**{**values, **changes})


def test_words_are_merged_on_both_sides_and_stay_additive() -> None:
    words = make().words()
    assert (words.source_tokens, words.target_tokens) == (("ab", "cd"), ("xyz", "w"))
    assert words.source_scores.tolist() == [[3.5, 2.0], [0.25, 4.0]]
    assert words.prefix_scores is not None
    assert words.prefix_scores.tolist() == [[0.0, 0.0], [-1.0, 0.0]]
    assert words.values.tolist() == [-3.0, -3.0]
    # what the second piece of xyz owes to the first is given: it moves from the scores to the base value
    assert words.base_values.tolist() == [-8.5, -6.25]
    assert words.source_scores.sum(1) + words.prefix_scores.sum(1) == pytest.approx(words.values - words.base_values)
    assert words.convergence_delta == pytest.approx([0.0, 0.1])


def test_words_of_shares_are_averaged_over_target_tokens() -> None:
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.6], [0.0, 0.0, 1.0]])
    words = make(output=ATTENTION_SHARE, source_scores=shares).words()
    assert words.source_scores == pytest.approx(np.array([[0.5, 0.4], [0.0, 1.0]]))
    assert words.base_values.tolist() == [-9.0, -6.25]


def test_r_squared_of_a_word_is_its_worst() -> None:
    assert make(r_squared=np.array([0.9, 0.4, 0.8])).words().r_squared.tolist() == [0.4, 0.8]


def test_merging_words_twice_changes_nothing() -> None:
    words = make().words()
    again = words.words()
    assert again.source_scores.tolist() == words.source_scores.tolist()
    assert again.source.offsets == words.source.offsets == ((0, 2), (3, 5))
    assert words.source.positions == ((1, 2), (3,))


def test_json_dict_is_plain() -> None:
    content = json.loads(json.dumps(make().to_json_dict(), allow_nan=False))
    assert content["source_tokens"] == ["a", "b", "cd"]
    assert content["target_tokens"] == ["xy", "z", "w"]
    assert content["target_text"] == "xyz w"
    assert content["prefix_scores"][2] == [1.0, -2.0, 0.0]
    assert content["target_offsets"][2] == [4, 5]
    assert content["source_truncated_at"] is None
    assert content["r_squared"] is None
    assert content["output"] == "log_probability"


@pytest.mark.parametrize(("changes", "message"), [
    ({"source_scores": np.zeros((3, 2))}, r"source_scores of shape \(3, 2\) for 3 target and 3 source tokens, expected \(3, 3\)"),
    ({"prefix_scores": np.zeros((2, 3))}, r"prefix_scores of shape \(2, 3\)"),
    ({"values": np.zeros(2)}, r"values of shape \(2,\)"),
    ({"convergence_delta": np.zeros(4)}, r"convergence_delta of shape \(4,\)"),
    ({"base_values": np.array([0.0, np.nan, 0.0])}, "base_values that are not numbers"),
    ({"source_scores": np.full((3, 3), np.inf)}, "source_scores that are not numbers"),
    ({"prefix_scores": np.eye(3)}, "a score for itself or for a later one"),
    ({"prefix_scores": np.triu(np.ones((3, 3)), 1)}, "a score for itself or for a later one"),
])
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make(**changes)
