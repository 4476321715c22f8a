"""Reliability by group, in numbers and in the audit card, against scikit-learn and pandas."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import plotly.io as pio
import pytest
from sklearn.calibration import calibration_curve

from audit.audit_figures import reliability, reliability_bins
from audit.card import MOST_FIGURES, card_html
from audit.columns import AuditColumns
from audit.measures import BINS
from audit.reliability import ConfidentRows, confident_rows, reliability_table
from audit.report import AuditConfig
from audit.run import AuditResult, run_audit
from audit.table import parse_audit_table
from models.errors import InputError

LABELS = ("negative", "neutral", "positive")
HOSTILE = "<b>zh</b>"
TITLES = {"en": ("Reliability", "all rows"), "zh": ("可靠性", "全部行")}


def make_rows(sizes: dict[str, int], *, too_sure: str) -> pd.DataFrame:
    """Predictions as often right as they are sure, but in one culture a third less often."""
    generator, rows = np.random.default_rng(5), []
    for culture, size in sizes.items():
        for number in range(size):
            confidence = round(float(generator.uniform(0.4, 0.999)), 4) + 0.00005  # never on an edge, which scikit-learn counts to the bin below
            right = generator.random() < confidence * (0.67 if culture == too_sure else 1)
            said = number % 3 if right else (number + 1) % 3
            rest = (1 - confidence) / 2
            rows.append({"text": f"line {number}", "label": LABELS[number % 3], "prediction": LABELS[said], "culture": culture,
                         **{f"p_{name}": confidence if place == said else rest for place, name in enumerate(LABELS)}})
    return pd.DataFrame(rows)


def audited(rows: pd.DataFrame) -> AuditResult:
    return run_audit(parse_audit_table(rows.to_csv(index=False).encode(), "rows.csv"), "sentiment", AuditColumns(), AuditConfig(resamples=100))


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return make_rows({"de": 260, HOSTILE: 240, "hi": 120, "xx": 7}, too_sure="hi")


@pytest.fixture(scope="module")
def result(rows: pd.DataFrame) -> AuditResult:
    return audited(rows)


@pytest.fixture(scope="module")
def confident(result: AuditResult) -> ConfidentRows:
    found = confident_rows(result)
    assert found is not None
    return found


def section(card: str, title: str) -> str:
    return next(part for part in card.split("<h2>") if part.startswith(f"{title}</h2>"))


def traces(part: str) -> list[list[dict[str, Any]]]:
    """What each figure of a part of the card draws."""
    decoder = json.JSONDecoder()
    return [decoder.raw_decode(part, match.end())[0] for match in re.finditer(r'Plotly\.newPlot\(\s*"[\w-]+",\s*(?=\[)', part)]


def cells(part: str) -> list[list[str]]:
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)] for line in re.findall(r"<tr>(.*?)</tr>", part)]


def test_bins_of_a_group_are_those_of_scikit_learn(rows: pd.DataFrame, confident: ConfidentRows) -> None:
    measured = rows[rows["culture"] != "xx"]  # a group of seven rows is not measured
    for group, own in (("hi", rows[rows["culture"] == "hi"]), (None, measured)):
        confidences, right = own[[f"p_{name}" for name in LABELS]].max(axis=1), own["label"] == own["prediction"]
        accuracy, confidence = calibration_curve(right, confidences, n_bins=BINS)
        bins = confident.bins(group)
        assert bins.accuracy == pytest.approx(accuracy) and bins.confidence == pytest.approx(confidence)
        places = (confidences * BINS).astype(int).value_counts().sort_index()
        assert (bins.places.tolist(), bins.count.tolist()) == (places.index.tolist(), places.tolist())
    with pytest.raises(InputError, match="0 confidences"):
        confident.bins("xx")


def test_the_table_has_every_bin_of_the_groups_asked_for(rows: pd.DataFrame, result: AuditResult, confident: ConfidentRows) -> None:
    table = reliability_table(confident, ["hi"], "en")
    assert table.named("en") == ["Group", "Bin", "n", "Confidence", "Accuracy", "Low", "High"]
    assert {row[0] for row in table.rows} == {"all rows", "hi"}
    own = rows[rows["culture"] == "hi"].assign(confidence=lambda frame: frame[[f"p_{name}" for name in LABELS]].max(axis=1),
                                               right=lambda frame: frame["label"] == frame["prediction"])
    by_bin = own.groupby((own["confidence"] * BINS).astype(int)).agg(count=("right", "size"), confidence=("confidence", "mean"), right=("right", "mean"))
    shown = [row for row in table.rows if row[0] == "hi"]
    assert [row[1] for row in shown] == [f"{place / 15:.3f}–{(place + 1) / 15:.3f}" for place in by_bin.index]
    assert [row[2] for row in shown] == by_bin["count"].tolist()
    assert [row[3] for row in shown] == pytest.approx(by_bin["confidence"].tolist())
    assert [row[4] for row in shown] == pytest.approx(by_bin["right"].tolist())
    ece = next(group for group in result.report.by_culture if group.group == "hi").metrics["ece"].value
    assert sum(row[2] * abs(row[3] - row[4]) for row in shown) / 120 == pytest.approx(ece)


@pytest.mark.parametrize("language", TITLES)
def test_the_card_draws_every_group_and_holds_the_numbers(result: AuditResult, confident: ConfidentRows, language: str) -> None:
    title, everything = TITLES[language]
    part = section(card_html(result, language), title)
    headings = [html.unescape(name) for name in re.findall(r"<h3>(.*?)</h3>", part)]
    assert headings == ["de  n=260", f"{HOSTILE}  n=240", "hi  n=120"] and HOSTILE not in part
    for figure, group in zip(traces(part), ("de", HOSTILE, "hi"), strict=True):
        _, overall, _, own, _ = figure
        for drawn, bins in ((overall, confident.bins()), (own, confident.bins(group))):
            shown = np.array([numbers[1:] for numbers in drawn["customdata"]])
            assert shown == pytest.approx(np.stack([bins.low, bins.high, bins.count], axis=1))
    header, *lines = cells(part)
    table = reliability_table(confident, ["de", HOSTILE, "hi"], language)
    assert header == table.named(language)
    assert lines == [[name, bounds, str(count), *(f"{value:.3f}" for value in values)] for name, bounds, count, *values in table.rows]
    assert lines[0][0] == everything


def test_the_card_draws_the_twelve_largest_groups_and_stays_small() -> None:
    sizes = {f"g{number:02d}": 30 + number for number in range(14)}
    card = card_html(audited(make_rows(sizes, too_sure="g03")), "en")
    part = section(card, "Reliability")
    assert len(traces(part)) == MOST_FIGURES == 12
    assert re.findall(r"<h3>(\w+)", part) == sorted(sizes, reverse=True)[:12]
    assert not any(line[0] in ("g00", "g01") for line in cells(part))
    assert len(part) < 300_000  # the library that draws has fifteen times as much


def test_without_probabilities_the_card_says_nothing_of_reliability(rows: pd.DataFrame) -> None:
    result = audited(rows.drop(columns=[f"p_{name}" for name in LABELS]))
    assert confident_rows(result) is None
    assert "<h2>Reliability" not in card_html(result, "en")


@pytest.mark.parametrize(("confidence", "rows_alike", "place"), [(0.2, 6, 3), (0.8, 7, 12), (14 / 15, 3, 14)])
def test_a_bar_stands_in_the_bin_whose_rows_it_counts(confidence: float, rows_alike: int, place: int) -> None:
    # the mean of equal numbers is a little less than each of them here, so that it falls below the edge that they are on
    bins = reliability_bins(np.full(rows_alike, confidence), np.ones(rows_alike, dtype=bool))
    assert bins.confidence[0] * BINS < place == int(confidence * BINS)
    assert list(reliability(bins).data[2].x) == pytest.approx([(place + 0.5) / BINS])


def test_the_card_is_the_same_again_whatever_template_its_process_has(result: AuditResult, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_html(result, "en")
    monkeypatch.setattr(pio.templates, "default", "simple_white")
    assert card_html(result, "en") == card
