"""Shares of attribution by hand, ratios against a bootstrap written out, and the same explanations as the words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audit.__main__ import main
from audit.attribution_shares import AttributionShare, class_shares, shares_table, total_shares
from audit.attribution_totals import attribution_totals
from audit.mean_intervals import mean_interval, ratio_interval
from models.classifier import Classifier
from xai import METHODS
from xai.attribution import Attribution


def explained(text: str, scores: list[float], truncated_at: int | None = None) -> Attribution:
    """Scores of the words of a text that are parted by spaces."""
    offsets, end = [], 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        offsets.append((start, end))
    offsets = offsets[: len(scores)]
    return Attribution(text, tuple(text[a:b] for a, b in offsets), tuple(offsets), tuple(range(len(offsets))), np.array(scores), "hand", "positive", "logit",
                       1.0, 0.0, None, 1, 0.1, truncated_at=truncated_at)


def test_shares_by_hand() -> None:
    found = class_shares(explained("the woman is not happy 😀", [1, -2, 1, 4, 0, -2]), "en")
    assert found == {"emoji": (0.2, 1 / 6), "identity": (0.2, 1 / 6), "negation": (0.4, 1 / 6), "stop_word": (0.2, 2 / 6)}
    assert class_shares(explained("the woman 😀", [1, 1, 2]), None) == {"emoji": (0.5, 1 / 3)}
    assert class_shares(explained("the woman", [0, 0]), "en") == {}


def test_a_word_that_is_cut_is_left_out() -> None:
    found = class_shares(explained("not the womanly", [1, 1, 8], truncated_at=len("not the woman")), "en")
    assert found["negation"] == found["stop_word"] == (0.5, 0.5) and found["identity"] == (0, 0)
    whole = class_shares(explained("not the woman more", [1, 1, 8], truncated_at=len("not the woman")), "en")
    assert whole["identity"] == (0.8, 1 / 3)


def test_means_by_culture() -> None:
    rows = [{"negation": (0.4, 0.1)}, {"negation": (0.2, 0.1)}, {"negation": (0.0, 0.0)}, {"negation": (0.6, 0.4), "emoji": (0.1, 0.2)}, {}]
    shares = total_shares(rows, ["a", "a", "b", "b", "c"], ["a", "b", "c"], minimum=2, resamples=500, seed=3)
    found = {(share.word_class, share.group): share for share in shares}
    assert set(found) == {("negation", "overall"), ("negation", "a"), ("negation", "b")}  # one row is no mean
    overall, first, second = found.values()
    assert (overall.count, overall.held, first.count, second.held) == (4, 3, 2, 1)
    assert overall.share.value == pytest.approx(30) and overall.words == pytest.approx(15) and overall.ratio is not None
    assert overall.ratio.value == pytest.approx(2) and first.ratio is not None and first.ratio.value == pytest.approx(3) and second.ratio is None
    expected = mean_interval(np.array([40.0, 20, 0, 60]), resamples=500, seed=3)
    assert (overall.share.low, overall.share.high) == pytest.approx((expected.low, expected.high))


def test_the_ratio_is_that_of_resampled_rows() -> None:
    generator = np.random.default_rng(2)
    below = generator.uniform(1, 10, 40)
    above = below * generator.uniform(0.5, 2.5, 40)
    found = ratio_interval(above, below, resamples=20_000)
    draws = [above[rows].sum() / below[rows].sum() for rows in generator.integers(0, 40, (20_000, 40))]
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.value == pytest.approx(above.sum() / below.sum())
    assert found.low == pytest.approx(low, abs=0.02) and found.high == pytest.approx(high, abs=0.02)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return ["the film was not bad", "not the film I loved", "honestly the food was bad", "no no no", "I was at the film 😀", "not bad"]


def test_they_rest_on_the_explanations_of_the_words(tiny_bert: Classifier, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    method = METHODS["occlusion"]
    monkeypatch.setitem(METHODS, "occlusion", lambda model, text, **settings: (calls.append(text), method(model, text, **settings))[1])
    found = attribution_totals(tiny_bert, texts, np.array([0, 0, 0, 1, 1, 1]), ["en", "x"], languages=["en"] * 6, method="occlusion", minimum=2, resamples=200)
    assert sorted(calls) == sorted(texts)  # each text once
    rows = [class_shares(method(tiny_bert, text), "en") for text in texts]
    share = next(share for share in found.shares if (share.word_class, share.group) == ("negation", "overall"))
    assert share.count == 6 and share.held == 4
    assert share.share.value == pytest.approx(100 * np.mean([row["negation"][0] for row in rows]))
    assert share.words == pytest.approx(100 * np.mean([1 / 5, 1 / 5, 0, 1, 0, 1 / 2]))
    assert json.loads(json.dumps(found.to_json_dict()))["shares"][0]["word_class"] == "identity"


def test_the_table_says_every_number_in_both_languages(tiny_bert: Classifier, texts: list[str]) -> None:
    shares = attribution_totals(tiny_bert, texts, np.zeros(6, dtype=int), ["en"], method="occlusion", minimum=3, resamples=200).shares
    for language, name in (("en", "Negation"), ("zh", "否定词")):
        table = shares_table(shares, language)
        assert len(set(table.named(language))) == len(table.columns) and len(table.rows) == len(shares) == 8
        row = next(row for row in table.rows if row[:2] == (name, "overall"))
        share: AttributionShare = next(share for share in shares if (share.word_class, share.group) == ("negation", "overall"))
        assert share.ratio is not None
        assert row[2:] == (6, 4, share.share.value, share.share.low, share.share.high, share.words, share.ratio.value, share.ratio.low, share.ratio.high)
    assert next(row for row in table.rows if row[0] == "身份词")[-3:] == (None, None, None)


def test_the_command_reads_the_languages_of_the_table(tmp_path: Path) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "words.json"
    path.write_text("".join(json.dumps({"text": text, "culture": "x", "lang": "fr"}) + "\n" for text in ["not bad", "pas mal", "pas bon"]), encoding="utf-8")
    words = ["words", "--input", str(path), "--output", str(out), "--model", "toy", "--method", "occlusion", "--minimum", "2", "--resamples", "200"]
    assert main([*words, "--language-column", "lang"]) == 0
    held = {(share["word_class"], share["culture"]): share["held"] for share in json.loads(out.read_text(encoding="utf-8"))["shares"]}
    assert held["negation", "overall"] == held["negation", "x"] == 2
