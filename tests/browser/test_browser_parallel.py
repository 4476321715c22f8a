"""Two audits from end to end in a real Chromium: parallel reviews in twelve languages, and translations by the embedded model."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit import AuditColumns, AuditConfig, AuditResult, run_audit
from audit.__main__ import main
from audit.card import card_html
from audit.report_tables import mcnemar_table
from audit.rows import ROW, RowFilter, find_rows
from audit.save import report_json
from audit.table import parse_audit_table
from audit.wording import verdict_lines
from models import Classifier
from models.data.importers.reviews import NUSAX
from models.loading import load_classifier, load_translator
from models.translator import Translator
from tests.browser.conftest import ROOT, Visit, click_square, download, pick_first_row, press_audit, reading_card, upload_table
from tests.browser.test_browser_translation import rest
from tests.browser.test_sentiment_in_chromium import choose, save
from xai.figures import visible

DOTS = "chart => ({x: Array.from(chart._fullData[0].x), names: chart._fullData[0].customdata.map(row => row[0])})"
PLACES = ("Bremen", "Vienna", "Graz", "Hamburg", "Salzburg", "Linz")
GERMAN = ("Bremen", "Wien", "Graz", "Hamburg", "Salzburg", "Linz")
# English, and how two cultures would write it
TRANSLATED = (
    ("In January {n} people waited for the bus in {place}.", "Im Januar warteten {n} Menschen in {place} auf den Bus.",
     "Im Jänner warteten {n} Leute in {place} auf den Bus."),
    ("A man in {place} bought {n} tomatoes and a bag.", "Ein Mann in {place} kaufte {n} Tomaten und eine Tüte.",
     "Ein Mann in {place} kaufte {n} Paradeiser und ein Sackerl."),
    ("This year {n} children play football in {place}.", "In diesem Jahr spielen {n} Kinder in {place} Fußball.",
     "Heuer spielen {n} Kinder in {place} Fußball."),
    ("Two women sit on {n} chairs in front of a shop in {place}.", "Zwei Frauen sitzen in {place} auf {n} Stühlen vor einem Geschäft.",
     "Zwei Frauen sitzen in {place} auf {n} Sesseln vor einem Geschäft."),
    ("The girl ate {n} potatoes in a small house near {place}.", "Das Mädchen aß {n} Kartoffeln in einem kleinen Haus bei {place}.",
     "Das Mädchen aß {n} Erdäpfel in einem kleinen Haus bei {place}."),
    ("A dog runs {n} meters along a street in {place}.", "Ein Hund läuft {n} Meter eine Straße in {place} entlang.",
     "Ein Hund rennt in {place} {n} Meter die Straße entlang."),
)


@pytest.fixture(scope="module")
def toy() -> Classifier:
    return load_classifier("toy")


@pytest.fixture(scope="module")
def reviews(toy: Classifier) -> bytes:
    """The validation sets of NusaX as one table, with the toy model's predictions."""
    folder = Path(os.environ.get("CULTURELENS_CORPORA", ROOT.parent / "shared" / "corpora")) / "nusax" / "datasets" / "sentiment"
    if not folder.is_dir():
        pytest.skip("the public corpora are not on this machine; set CULTURELENS_CORPORA to their folder")
    rows = pd.concat([pd.read_csv(folder / name / "valid.csv", dtype=str, keep_default_na=False).assign(language=tag) for name, tag in NUSAX.items()])
    said = toy.predict(rows["text"].tolist())
    rows = rows.rename(columns={"id": "item"}).assign(prediction=[found.label for found in said],
                                                      **{f"p_{label}": [repr(found.probabilities[label]) for found in said] for label in toy.labels})
    return bytes(rows.to_csv(index=False).encode())


@pytest.fixture(scope="module")
def parallel(reviews: bytes) -> AuditResult:
    """The same audit without the page."""
    return run_audit(parse_audit_table(reviews, "nusax.csv"), "sentiment", AuditColumns(cultures=("language",), item="item"), AuditConfig())


def dots(page: Any, names: Sequence[str]) -> dict[str, float]:
    """The metric of each group as it is drawn, once these are the groups."""
    figure = page.locator(".st-key-audit_dots .js-plotly-plot")
    figure.locator(".point").first.wait_for()
    drawn = figure.evaluate(DOTS)
    assert sorted(drawn["names"]) == sorted(visible(name) for name in names)
    return dict(zip(drawn["names"], drawn["x"], strict=True))


def test_parallel_reviews_from_upload_to_the_card(visit: Visit, browser: Any, toy: Classifier, reviews: bytes, parallel: AuditResult, tmp_path: Path) -> None:
    report = parallel.report
    page = upload_table(visit, reviews, "nusax.csv")
    page.get_by_text("Settings").click()
    choose(page, "Same content", "item")
    rest(page)
    press_audit(page)
    for line in verdict_lines("en", report, "macro_f1"):
        assert page.get_by_text(line).is_visible()
    assert report.items == 100 and page.get_by_text("100 items stand in every group; gaps are over these").is_visible()
    assert dots(page, list(NUSAX.values())) == pytest.approx({group.group: group.metrics["macro_f1"].value for group in report.by_culture})

    page.get_by_text("Pairs on the same items", exact=True).click()
    paired = pd.read_csv(download(page, page.locator(".st-key-audit-csv-mcnemar button")), encoding="utf-8-sig", keep_default_na=False)
    expected = mcnemar_table(report)
    assert paired.columns.tolist() == expected.named("en") and len(paired) == 12 * 11 // 2
    pd.testing.assert_frame_equal(paired, pd.DataFrame(list(expected.rows), columns=paired.columns), check_dtype=False)
    save(page, "audit-parallel")

    worst = next(group for group in report.by_culture if group.group == report.gaps["macro_f1"].worst)
    wrong = np.where(np.eye(3, dtype=bool), 0, worst.confusion)
    gold, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    click_square(page, 3 * int(gold) + int(predicted))
    page.get_by_text(f"{wrong.max()} of 1,200 rows").wait_for()
    rest(page)
    pick_first_row(page)
    page.get_by_text("explained with toy").wait_for()
    cell = RowFilter(worst.group, report.classes[gold], report.classes[predicted])
    row = {name: value[0] for name, value in find_rows(parallel.rows, parallel.columns, cell).rows.slice(0, 1).to_pydict().items()}
    assert page.get_by_text(f"Row {row[ROW]}", exact=True).is_visible()
    assert page.locator("[data-testid=stText]").get_by_text(row["text"], exact=True).is_visible()
    said = toy.predict([row["text"]])[0]
    assert said.label == report.classes[predicted]
    page.get_by_role("heading", name=f"{said.label} · {said.probabilities[said.label]:.2f}", exact=True).wait_for()
    page.get_by_text("All scores as a table").wait_for(timeout=120_000)
    save(page, "audit-parallel-row")

    (tmp_path / "nusax.csv").write_bytes(reviews)
    assert main(["run", "--input", str(tmp_path / "nusax.csv"), "--culture-column", "language", "--item-column", "item", "--output", str(tmp_path)]) == 0
    content = download(page, page.get_by_role("button", name="report.json")).read_bytes()
    assert content == report_json(parallel) == (tmp_path / "report.json").read_bytes()
    card = download(page, page.get_by_role("button", name="Audit card"))
    assert card.read_text(encoding="utf-8") == card_html(parallel, "en") == (tmp_path / "report.html").read_text(encoding="utf-8")
    with reading_card(browser, card, tmp_path) as alone:
        shown = alone.page.inner_text("body")
        for line in verdict_lines("en", report, "macro_f1"):
            assert line in shown
        for first, second, *counts, _, _ in expected.rows:
            assert "\t".join([first, second, *map(str, counts)]) in shown
        save(alone.page, "audit-parallel-card")
        assert alone.complaints == []
    assert visit.complaints == []


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator("translation")


@pytest.fixture(scope="module")
def pairs() -> bytes:
    """Thirty-six English sentences with a German and an Austrian reference."""
    rows = []
    for number in range(36):
        source, *references = TRANSLATED[number % 6]
        place = number // 6
        for culture, reference in zip(("de-DE", "de-AT"), references, strict=True):
            rows.append({"text": source.format(n=number + 12, place=PLACES[place]), "reference": reference.format(n=number + 12, place=GERMAN[place]),
                         "source_language": "en", "target_language": "de", "culture": culture})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.fixture(scope="module")
def translated(pairs: bytes, translator: Translator) -> AuditResult:
    """The same audit without the page."""
    columns = AuditColumns(label="reference", prediction="hypothesis")
    return run_audit(parse_audit_table(pairs, "pairs.jsonl"), "translation", columns, AuditConfig(), model=translator)


def test_translations_by_the_embedded_model(visit: Visit, pairs: bytes, translator: Translator, translated: AuditResult, tmp_path: Path, browser: Any) -> None:
    report, cultures = translated.report, ["de-AT", "de-DE"]
    page = upload_table(visit, pairs, "pairs.jsonl")
    press_audit(page)
    for line in verdict_lines("en", report, "chrf"):
        assert page.get_by_text(line).is_visible()
    save(page, "audit-translations")
    for metric, name in (("bleu", "BLEU"), ("number_kept", "Numbers kept"), ("name_kept", "Names kept"), ("untranslated", "Untranslated")):
        choose(page, "Metric", name)
        page.get_by_text(verdict_lines("en", report, metric)[0]).wait_for()
        rest(page)
        assert dots(page, cultures) == pytest.approx({group.group: group.metrics[metric].value for group in report.by_culture})
    assert download(page, page.get_by_role("button", name="report.json")).read_bytes() == report_json(translated)

    rows = list(csv.DictReader(io.StringIO(download(page, page.get_by_role("button", name="Save these rows")).read_text(encoding="utf-8-sig"))))
    assert [row["hypothesis"] for row in rows] == translated.rows["hypothesis"].to_pylist()
    assert [row["audit_errors"] for row in rows] == translated.rows["audit_errors"].to_pylist()
    with reading_card(browser, download(page, page.get_by_role("button", name="Audit card")), tmp_path) as alone:
        for line in verdict_lines("en", report, "bleu"):
            assert line in alone.page.inner_text("body")
        save(alone.page, "audit-translations-card")

    pick_first_row(page)
    page.get_by_text("Row 1", exact=True).wait_for()
    page.get_by_role("button", name="Open in Explore").click()
    page.get_by_role("heading", name="Translation", exact=True).wait_for()
    source, hypothesis = translated.rows["text"][0].as_py(), translator.translate([translated.rows["text"][0].as_py()], "en", "de")[0].hypothesis
    page.get_by_text(hypothesis, exact=True).first.wait_for()
    page.wait_for_function("source => document.querySelector('textarea')?.value === source", arg=source)  # what was there before is drawn over piece by piece
    assert page.get_by_role("textbox").first.input_value() == source and "target=de" in page.url
    page.locator(".row .token").first.wait_for()
    save(page, "audit-translations-opened")
    assert visit.complaints == []
