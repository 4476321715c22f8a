"""A selection on the map of an audit's texts filters the rows below it, in a real Chromium."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.browser.conftest import Visit, press_audit, upload_table
from tests.browser.test_browser_audit import LABELS, TEXTS

COUNT = re.compile(r"(\d+) of 120 rows\.")


@pytest.fixture(scope="module")
def table() -> bytes:
    """Rows in two cultures with predictions, some of them wrong."""
    rows = [{"text": f"{TEXTS[number % 4]} {number}", "label": LABELS[number % 3], "prediction": LABELS[(number + (number % 5 == 0)) % 3],
             "culture": "de-DE" if number % 2 else "zh-CN"} for number in range(120)]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def box_select(page: Any, left: float, right: float) -> None:
    """Drags a box over the whole height of the map, between two shares of its width."""
    drawn = page.locator(".st-key-audit_projection")
    drawn.scroll_into_view_if_needed()
    drawn.hover()
    drawn.locator("[data-title='Box Select']").click()
    box = drawn.locator(".nsewdrag").bounding_box()
    page.mouse.move(box["x"] + left * box["width"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + right * box["width"] - 2, box["y"] + box["height"] - 2, steps=8)
    page.mouse.up()


def rows_shown(page: Any) -> int:
    """How many rows the sentence over the rows says there are."""
    return int(COUNT.search(page.get_by_text(COUNT).inner_text())[1])


def test_a_box_on_the_map_filters_the_rows(visit: Visit, table: bytes) -> None:
    page = upload_table(visit, table, "reviews.jsonl")
    press_audit(page)
    assert rows_shown(page) == 120
    page.get_by_role("button", name="Draw the map").click()
    page.locator(".st-key-audit_projection .point").first.wait_for(timeout=120_000)
    assert page.locator(".st-key-audit_projection .point").count() == 120
    box_select(page, 0, 0.5)
    page.locator(".st-key-audit_map_confusion .js-plotly-plot").wait_for()
    inside = rows_shown(page)
    shown = page.locator(".st-key-audit_map_confusion .textpoint, .st-key-audit_map_confusion .heatmap-label").all_text_contents()
    assert 0 < inside < 120 and sum(map(int, shown)) == inside
    assert page.get_by_text(f"Rows selected on the map: {inside}").count() == 2  # beside the map, and over the rows
    box_select(page, 0.5, 1)
    page.get_by_text(f"Rows selected on the map: {120 - inside}").first.wait_for()
    assert rows_shown(page) == 120 - inside
    page.locator(".st-key-audit_mapped_clear button").click()
    page.get_by_text("120 of 120 rows").wait_for()
    assert visit.complaints == []
