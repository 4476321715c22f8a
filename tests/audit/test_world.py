"""The map: which cultures are regions, areas that stay as large as they are, the best and the worst at the ends of the scale, nothing fetched."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audit.card import card_html
from audit.columns import AuditColumns
from audit.report import AuditConfig, GroupResult
from audit.run import run_audit
from audit.table import parse_audit_table
from audit.world import SCALE, SHAPES, _project, regions, unmapped, world_map
from models.metrics import Interval


def group(name: str, value: float) -> GroupResult:
    return GroupResult(name, 40, {"macro_f1": Interval(value, value - 5, value + 5)}, None)


@pytest.mark.parametrize(("names", "codes"), [
    (["zh-CN", "zh-TW", "pcm-NG", "sr-Latn-RS"], ["CN", "TW", "NG", "RS"]), (["CN", "NA", "NO"], ["CN", "NA", "NO"]), (["zh-CN", "yue-CN"], []),
    (["de", "de-AT"], []), (["es-419"], []), (["zh-CN · formal"], []), (["<b>"], []), ([""], []), ([], []),
])
def test_cultures_that_are_regions(names: list[str], codes: list[str]) -> None:
    assert list(regions(names).values()) == codes


def test_what_is_too_small_is_named() -> None:
    assert unmapped(["zh-CN", "zh-SG", "mt-MT", "de-AT"]) == ["zh-SG", "mt-MT"]


def test_shapes_are_regions_and_keep_their_area() -> None:
    """Equal Earth has areas in squares of the radius: Brazil, 8.5 million km² of a sphere of 6,371 km."""
    features = {feature["id"]: feature["geometry"]["coordinates"] for feature in json.loads(SHAPES.read_text(encoding="utf-8"))["features"]}
    assert len(features) == 176 and sum(len(code) == 2 for code in features) == 174

    def area(code: str) -> float:
        total = 0.0
        for polygon in features[code]:
            x, y = _project(np.asarray(polygon[0], dtype=float)).T
            total += abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
        return total * 6_371**2 / 1e6

    for code, known in (("BR", 8.51), ("IN", 3.15), ("GL", 2.17), ("DE", 0.357)):  # India without what others hold
        assert area(code) == pytest.approx(known, rel=0.05), code


def test_the_projection_at_known_points() -> None:
    """Of the corners of the map: 2.7066 and 1.3173 (Šavrič, Patterson & Jenny 2018)."""
    assert _project(np.array([[180.0, 0.0], [0.0, 90.0], [0.0, 0.0]])) == pytest.approx(np.array([[2.7066, 0], [0, 1.3173], [0, 0]]), abs=1e-4)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_worst_is_orange(higher_is_better: bool) -> None:
    figure = world_map([group("de-DE", 80), group("hi-IN", 40), group("zh-SG", 10)], "macro_f1", title="F1 <b>", scale=100, higher_is_better=higher_is_better)
    rest, german, hindi, legend = figure.data
    assert hindi.text == "hi-IN: 40.0 [35.0, 45.0], n = 40" and rest.hoverinfo == "skip"
    orange, purple = "rgb(253, 184, 99)", "rgb(94, 60, 153)"
    assert (german.fillcolor, hindi.fillcolor) == ((purple, orange) if higher_is_better else (orange, purple))
    assert (legend.marker.cmin, legend.marker.cmax) == (40, 80) and legend.marker.colorbar.title.text == "F1 &lt;b&gt;"
    assert legend.marker.colorscale[0][1] == (SCALE[0] if higher_is_better else SCALE[-1])
    assert not [trace for trace in figure.data if trace.type != "scatter"]  # Plotly's own maps fetch their base from a server


def test_one_culture_or_none_that_can_be_drawn() -> None:
    assert len(world_map([group("zh-SG", 10)], "macro_f1", title="", scale=100, higher_is_better=True).data) == 2
    assert len(world_map([group("de-DE", 10)], "macro_f1", title="", scale=1, higher_is_better=True).data) == 3


@pytest.mark.parametrize(("cultures", "shown"), [(("de-DE", "hi-IN", "zh-SG"), True), (("de", "hi", "zh"), False)])
def test_the_card_has_a_map_where_cultures_are_regions(cultures: tuple[str, ...], shown: bool) -> None:
    lines = ["text,label,prediction,culture"]
    for place, culture in enumerate(cultures):
        lines += [f"text {number},{'yes' if number % 2 else 'no'},{'yes' if number % 2 or number < 8 * place else 'no'},{culture}" for number in range(40)]
    result = run_audit(parse_audit_table("\n".join(lines).encode(), "rows.csv"), "sentiment", AuditColumns(), AuditConfig(resamples=200))
    for language, title, missing in (("en", "Map of the world", "Too small to be drawn: zh-SG."), ("zh", "世界地图", "画不出：zh-SG。")):
        card = card_html(result, language)
        assert (title in card) == (missing in card) == shown
