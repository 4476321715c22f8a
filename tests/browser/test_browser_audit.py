"""What an auditor sees and does, in a real Chromium: upload, verdict, a click on a confusion cell, its rows, an explanation, the card offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit import AuditColumns, AuditConfig, AuditResult, run_audit
from audit.save import report_json
from audit.table import parse_audit_table
from audit.wording import verdict_lines
from tests.browser.conftest import Visit, click_square, download, pick_first_row, press_audit, reading_card, upload_table

SHOTS = Path(__file__).parents[2] / "screenshots"
LABELS = ("negative", "neutral", "positive")
TEXTS = ("这家店的服务态度真差，等了两个小时。", "الخدمة كانت سيئة جدا والأكل بارد.", "The soup was not bad at all.", "Der Bus kam wieder zu spät.")


@pytest.fixture(scope="module")
def table() -> bytes:
    """Rows in three cultures with predictions, worse in one."""
    generator = np.random.default_rng(3)
    rows = []
    for culture, right in (("zh-CN", 0.9), ("ar-EG", 0.55), ("de-DE", 0.9)):
        for number in range(150):
            said = number % 3 if generator.random() < right else (number + 1) % 3
            rows.append({"text": f"{TEXTS[number % 4]} {number}", "label": LABELS[number % 3], "prediction": LABELS[said], "culture": culture})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.fixture(scope="module")
def expected(table: bytes) -> AuditResult:
    """The same audit without the page."""
    return run_audit(parse_audit_table(table, "reviews.jsonl"), "sentiment", AuditColumns(), AuditConfig())


def audit(visit: Visit, table: bytes, lang: str = "en") -> Any:
    page = upload_table(visit, table, "reviews.jsonl", lang)
    page.get_by_text("reviews.jsonl: 450" if lang == "en" else "reviews.jsonl：450").wait_for()
    press_audit(page, lang)
    page.locator(".st-key-audit_confusion .point").first.wait_for()
    return page


def test_from_upload_to_explanation(visit: Visit, table: bytes, expected: AuditResult) -> None:
    page = audit(visit, table)
    assert expected.report.gaps["macro_f1"].worst == "ar-EG"
    for line in verdict_lines("en", expected.report, "macro_f1"):
        assert page.get_by_text(line).is_visible()
    worst = next(group for group in expected.report.by_culture if group.group == "ar-EG")
    numbers = page.locator(".st-key-audit_confusion .textpoint").all_text_contents()
    assert [int(number) for number in numbers] == worst.confusion.ravel().tolist()
    click_square(page, 1)  # gold negative, predicted neutral
    count = int(worst.confusion[0, 1])
    page.get_by_text(f"{count} of 450 rows").wait_for()
    page.screenshot(path=SHOTS / "audit.png", full_page=True)
    pick_first_row(page)
    page.get_by_text("explained with").wait_for()
    page.locator(".row .token").first.wait_for()
    page.get_by_text("All scores as a table").wait_for(timeout=120_000)
    assert visit.complaints == []


def test_the_card_opens_offline_with_the_same_numbers(visit: Visit, browser: Any, table: bytes, expected: AuditResult, tmp_path: Path) -> None:
    page = audit(visit, table)
    assert download(page, page.get_by_role("button", name="report.json")).read_bytes() == report_json(expected)
    card = download(page, page.get_by_role("button", name="Audit card"))
    with reading_card(browser, card, tmp_path) as alone:
        for line in verdict_lines("en", expected.report, "macro_f1"):
            assert line in alone.page.inner_text("body")
        assert expected.report.signature["data_sha256"] in alone.page.inner_text("pre")
        alone.page.screenshot(path=SHOTS / "audit-card.png", full_page=True)
        assert alone.complaints == []


def test_in_chinese(visit: Visit, table: bytes, expected: AuditResult) -> None:
    page = audit(visit, table, "zh")
    for line in verdict_lines("zh", expected.report, "macro_f1"):
        assert page.get_by_text(line).is_visible()
    page.screenshot(path=SHOTS / "audit-zh.png", full_page=True)
    assert visit.complaints == []
