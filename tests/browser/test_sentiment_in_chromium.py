"""What a person sees and does on the sentiment page, in a real Chromium on the embedded model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Visit

SHOTS = Path(__file__).parents[2] / "screenshots"
METHODS = 7
MAP = ".st-key-attention_map"
NO_PAGE = "The page that you have requested does not seem to exist"
SENTENCES = {
    "zh": ("这家店的服务态度真差,等了两个小时,再也不来了。", "ltr"),
    "ar": ("الخدمة كانت سيئة جدا والأكل وصل باردا، لن أعود أبدا.", "rtl"),
    "en": ("The waiter was wonderful and the soup was the best I have ever had!", "ltr"),
}


def open_sentiment(visit: Visit) -> None:
    visit.page.goto(visit.url)
    visit.page.get_by_role("link", name="Sentiment").click()
    visit.page.get_by_role("heading", name="Sentiment", exact=True).wait_for()


def ask(page: Any, text: str) -> None:
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(state="attached")
    box = page.get_by_role("textbox").first
    box.fill(text)
    box.press("Control+Enter")


def wait_until_done(page: Any) -> None:
    """Every method has its row and nothing is running any more."""
    page.wait_for_function("() => !document.querySelector('[data-testid=stApp] [data-test-script-state=running]')")
    page.locator(".row .token").first.wait_for()
    page.get_by_text("All scores as a table").or_(page.get_by_text("全部得分")).first.wait_for(timeout=120_000)
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length >= 3")  # culture dots, confusion, attention
    page.wait_for_timeout(1_500)  # the last rerun, after the cultures are measured, closes open lists


def choose(page: Any, box: str, option: str) -> None:
    """Picks from a list box; a rerun of the page closes an open list, then it is opened again."""
    choice = page.get_by_role("option", name=option, exact=True)
    for _ in range(20):
        page.get_by_role("combobox", name=re.compile(box)).click()
        page.wait_for_timeout(500)
        if choice.count():
            break
    choice.click()


def new_picture(page: Any, old: list[str]) -> str:
    """The attention map once it is none of the old ones; while it is drawn anew there are two for a moment."""
    found = page.wait_for_function(f"""old => {{
        const pictures = [...document.querySelectorAll('{MAP} .hm image')].map(image => image.href.baseVal);
        return pictures.length === 1 && !old.includes(pictures[0]) && pictures[0];
    }}""", arg=old)
    return str(found.json_value())


def save(page: Any, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


def test_first_visitor_by_link_is_not_told_that_there_is_no_such_page(first_visit: Visit) -> None:
    first_visit.page.get_by_role("heading", name="情感").wait_for()
    first_visit.page.get_by_role("dialog").wait_for(state="detached")
    assert [complaint for complaint in first_visit.complaints if not complaint.startswith(NO_PAGE)] == []


@pytest.mark.parametrize("language", SENTENCES)
def test_typed_sentence_gets_label_coloured_tokens_and_maps(visit: Visit, language: str) -> None:
    text, direction = SENTENCES[language]
    page = visit.page
    open_sentiment(visit)
    ask(page, text)
    heading = page.get_by_role("heading", name=re.compile(r"(negative|neutral|positive).*\d\.\d\d"))
    heading.wait_for()
    wait_until_done(page)
    rows = page.locator(".row")
    assert rows.count() == METHODS
    for number in range(METHODS):
        row = rows.nth(number)
        assert row.evaluate("row => row.dir") == direction
        words = row.locator(".token bdi").all_text_contents()
        assert re.sub(r"\s", "", "".join(words)) == re.sub(r"\s", "", text)
        colours = row.locator(".token").evaluate_all("boxes => boxes.map(box => getComputedStyle(box).backgroundColor)")
        assert len(set(colours)) > 1
        scores = row.locator(".token .score").all_text_contents()
        assert all(re.fullmatch(r"[+-]\d.*", score) for score in scores)
    assert page.get_by_role("textbox").first.evaluate("box => getComputedStyle(box).direction") == direction
    page.locator(".js-plotly-plot .heatmaplayer image, .js-plotly-plot .hm image").first.wait_for(state="attached")
    save(page, f"sentiment-{language}")
    assert visit.complaints == []


def test_attention_layer_and_head_change_the_map(visit: Visit) -> None:
    page = visit.page
    open_sentiment(visit)
    ask(page, SENTENCES["en"][0])
    wait_until_done(page)
    pictures = [new_picture(page, [])]
    for box, option in (("Layer", "Layer 1"), ("Head", "Head 2"), ("Layer", "Layer 2")):
        choose(page, box, option)
        pictures.append(new_picture(page, pictures))
    labels = " ".join(page.locator(f"{MAP} .xaxislayer-above text").all_text_contents())
    assert "wonderful" in labels and "CLS" in labels
    assert visit.complaints == []


def test_language_switch_keeps_text_and_results(visit: Visit) -> None:
    page = visit.page
    open_sentiment(visit)
    ask(page, SENTENCES["zh"][0])
    wait_until_done(page)
    scores = page.locator(".row").first.locator(".score").all_text_contents()
    page.get_by_text("简体中文").click()
    page.get_by_role("heading", name="情感").wait_for()
    assert page.get_by_role("textbox").first.input_value() == SENTENCES["zh"][0]
    wait_until_done(page)
    assert page.locator(".row").first.locator(".score").all_text_contents() == scores
    assert "lang=zh" in page.url
    page.wait_for_function("() => !document.body.innerHTML.includes('Guess from the text')")
    save(page, "sentiment-interface-zh")
    assert visit.complaints == []


def test_deep_link_in_chinese_and_example_click(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/sentiment?lang=zh")
    page.get_by_role("heading", name="情感").wait_for()
    page.locator("[data-testid=stButton] button:visible").nth(1).click()
    page.get_by_role("heading", name=re.compile(r"(负面|中性|正面).*\d\.\d\d")).wait_for()
    page.locator(".row .token").first.wait_for()
    assert visit.complaints == []


def test_a_page_that_is_not_there_is_said(visit: Visit) -> None:
    visit.page.goto(f"{visit.url}/nowhere")
    visit.page.get_by_role("heading", name="CultureLens", exact=True).first.wait_for()
    visit.page.wait_for_timeout(1_000)
    assert "Page not found" in visit.page.get_by_role("dialog").inner_text()
    assert [complaint for complaint in visit.complaints if not complaint.startswith(NO_PAGE) and "/nowhere/_stcore/" not in complaint] == []


@pytest.mark.parametrize("hostile", ["<img src=x onerror=alert(1)> bad", "![x](http://127.0.0.1:9/x.png) **bad** film", "<script>alert(1)</script> awful"])
def test_markup_from_people_stays_text(visit: Visit, hostile: str) -> None:
    page = visit.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog {dialog.message}"))
    open_sentiment(visit)
    ask(page, hostile)
    wait_until_done(page)  # before that a rerun may empty a row while it is read
    shown = page.locator(".row").first.locator("bdi").all_text_contents()
    assert re.sub(r"\s", "", "".join(shown)) == re.sub(r"\s", "", hostile)
    assert page.locator("main img[src='x'], main img[src*='127.0.0.1:9']").count() == 0
    assert not any(url.startswith("http://127.0.0.1:9/") for url in asked)
    assert visit.complaints == []


def test_empty_text_gets_one_sentence(visit: Visit) -> None:
    page = visit.page
    open_sentiment(visit)
    ask(page, "   ")
    page.get_by_text("The text is empty; type or choose a sentence.").wait_for()
    save(page, "sentiment-empty")
    assert visit.complaints == []


def test_every_page_opens_in_both_languages(visit: Visit) -> None:
    page = visit.page
    for path, english, chinese in (("", "CultureLens", "CultureLens"), ("sentiment", "Sentiment", "情感"), ("translation", "Translation", "翻译"),
                                   ("models", "Models", "模型")):
        for language, title in (("en", english), ("zh", chinese)):
            page.goto(f"{visit.url}/{path}?lang={language}")
            page.get_by_role("heading", name=title, exact=True).first.wait_for()
            page.wait_for_timeout(1_000)
            save(page, f"page-{path or 'overview'}-{language}")
    assert visit.complaints == []
