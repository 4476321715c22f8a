"""What a person sees and does on the translation page, in a real Chromium on a tiny translator; every number is the one that xai gives."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.loading import load_translator
from models.translator import Translator
from tests.browser.conftest import Visit, rest, visiting
from tests.browser.test_sentiment_in_chromium import save
from tests.tiny_translator import PAIRS
from xai import TRANSLATION_METHODS, cross_attention
from xai.contrast import contrast
from xai.contributions import contributions
from xai.word_alignment import best_layer

DIRECTIONS = {"en-zh": PAIRS[0][0], "zh-en": PAIRS[0][1]}
METHOD = "occlusion"  # the one that is shown first
LONG = "我们明天去吃火锅吧。没有人告诉我开会的事。" * 12
ARABIC = "الخدمة كانت سيئة جدا والأكل وصل باردا."
DATA = "chart => chart._fullData.map(trace => ({z: trace.z && Array.from(trace.z, row => Array.from(row)), y: trace.y && Array.from(trace.y)}))"
NOISE = 2e-3  # numbers are shown with three digits


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> Translator:
    """The translator as the test computes with it."""
    return load_translator(str(checkpoints / "translation"))


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """A fresh visitor with a tall window."""
    with visiting(browser, address, viewport={"width": 1500, "height": 2300}) as visit:
        yield visit


def ask(visit: Visit, text: str, direction: str = "en-zh", **query: str) -> None:
    """Opens the page for a direction, types a sentence and presses Ctrl+Enter."""
    source, target = direction.split("-")
    link = "&".join(f"{key}={value}" for key, value in {"source": source, "target": target, **query}.items())
    visit.page.goto(f"{visit.url}/translation?{link}")
    box = visit.page.get_by_role("textbox").first
    box.wait_for()
    rest(visit.page)
    box.fill(text)
    box.press("Control+Enter")
    visit.page.locator(".row .token").first.wait_for()


def view(page: Any, name: str) -> None:
    rest(page)
    page.get_by_role("radio", name=name).click()


def chart(page: Any, key: str) -> dict[str, np.ndarray]:
    """The numbers of the first trace of a chart once it is drawn."""
    found = page.locator(f".st-key-{key} .js-plotly-plot")
    found.wait_for(state="attached")
    return {name: np.array(values, dtype=float) for name, values in found.evaluate(DATA)[0].items() if values is not None}


def row(page: Any, key: str) -> tuple[list[str], list[float]]:
    """Words and numbers of a row of tokens."""
    found = page.locator(f".st-key-{key} .token")
    found.first.wait_for()
    scores = [float(score.replace("−", "-")) for score in found.locator(".score").all_text_contents()]
    return found.locator("bdi").all_text_contents(), scores


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_sentence_is_translated_and_looked_at_from_every_side(visit: Visit, model: Translator, direction: str) -> None:
    page, text, (source, target) = visit.page, DIRECTIONS[direction], direction.split("-")
    languages = {"source_language": source, "target_language": target}
    expected = model.translate([text], source, target)[0]
    ask(visit, text, direction)
    page.get_by_text(expected.hypothesis, exact=True).first.wait_for()
    words, shown = row(page, "translation_confidence")
    assert words == list(expected.tokens)
    assert shown == pytest.approx([math.exp(value) for value in expected.token_logprobs], abs=6e-3)
    for other in expected.alternatives:
        assert page.get_by_text(other.hypothesis, exact=True).count() >= 1
        assert page.get_by_text(f"{other.score:.3f} nats a token").count() == 1

    explained = TRANSLATION_METHODS[METHOD](model, text, expected.hypothesis, **languages).words()
    attention = cross_attention.maps(model, text, expected.hypothesis, **languages).words()
    weights = attention.select(layer=best_layer(attention.weights), head=None)
    assert chart(page, "cross_attention_map")["z"] == pytest.approx(weights, abs=NOISE)
    assert chart(page, "attribution_map")["z"] == pytest.approx(explained.source_scores, abs=NOISE)
    rest(page)
    save(page, f"translation-alignment-{direction}")

    view(page, "Source or prefix")
    shares = contributions(explained)
    assert chart(page, "prefix_bars")["y"] == pytest.approx(shares.source_shares, abs=NOISE)
    rest(page)
    save(page, f"translation-prefix-{direction}")

    view(page, "Why A rather than B")
    edit = page.get_by_role("textbox", name="Your translation (B)")
    edit.wait_for()
    assert edit.input_value() == expected.hypothesis
    edited = next(pair[target == "zh"] for pair in PAIRS[1:] if expected.hypothesis not in pair)
    edit.fill(edited)
    edit.press("Tab")
    rest(page)
    page.get_by_role("button", name="Compare").click()
    found = contrast(model, text, expected.hypothesis, edited, METHOD, **languages)
    (forced,) = model.score([text], [edited], source, target)
    words, shown = row(page, "contrast_confidence_B")
    assert words == list(forced.tokens)
    assert shown == pytest.approx([math.exp(value) for value in forced.token_logprobs], abs=6e-3)
    _, shown = row(page, "contrast_source_0")
    assert sum(shown) == pytest.approx(found.stretches[0].source_scores.sum(), abs=NOISE * len(shown))
    for stretch in found.stretches:
        assert page.get_by_text(f"{stretch.logprob_b:.3f} nats", exact=False).count() >= 1
    rest(page)
    save(page, f"translation-contrast-{direction}")
    assert visit.complaints == []


def test_pointing_at_a_word_lights_where_it_came_from(visit: Visit, model: Translator) -> None:
    page = visit.page
    ask(visit, DIRECTIONS["zh-en"], "zh-en")
    explained = TRANSLATION_METHODS[METHOD](model, DIRECTIONS["zh-en"], None, source_language="zh", target_language="en").words()
    chart(page, "attribution_map")
    rest(page)
    targets = page.locator(".st-key-translation_links .target .token")
    for number in (2, 0):
        targets.nth(number).click()
        page.mouse.move(0, 0)
        page.wait_for_function("number => true", arg=number)
        assert targets.nth(number).get_attribute("aria-pressed") == "true"
        scores = page.locator(".st-key-translation_links .source .token .score").all_text_contents()
        assert [float(score.replace("−", "-")) for score in scores] == pytest.approx(explained.source_scores[number], abs=6e-3)
    page.get_by_role("radio", name="where the decoder looked").click()
    page.get_by_text("Share of attention that the framed word gives").wait_for()
    assert visit.complaints == []


def test_swap_back_translation_and_examples(visit: Visit, model: Translator) -> None:
    page = visit.page
    ask(visit, DIRECTIONS["en-zh"])
    rest(page)
    page.get_by_role("button", name="Translate back").click()
    chinese = model.translate([DIRECTIONS["en-zh"]], "en", "zh")[0].hypothesis
    page.get_by_text(model.translate([chinese], "zh", "en")[0].hypothesis, exact=True).first.wait_for()
    assert page.get_by_role("textbox").first.input_value() == chinese
    rest(page)
    page.locator("[class*=st-key-translation_examples-] button").first.click()
    page.get_by_text("Reference written for this sentence.").wait_for()
    assert "source=zh" in page.url
    assert visit.complaints == []


def test_a_long_chinese_text_is_cut_and_said(visit: Visit, model: Translator) -> None:
    page = visit.page
    ask(visit, LONG, "zh-en")
    place = model.translate([LONG], "zh", "en")[0].source.truncated_at
    page.get_by_text(f"The model saw the first {place} characters only").wait_for()
    chart(page, "attribution_map")
    rest(page)
    save(page, "translation-long-zh")
    assert visit.complaints == []


def test_arabic_that_the_model_does_not_know_runs_from_the_right_and_breaks_nothing(visit: Visit) -> None:
    page = visit.page
    ask(visit, ARABIC)
    page.get_by_text("This does not look like English").wait_for()
    page.get_by_text("spells it in bytes").wait_for()
    chart(page, "attribution_map")
    assert page.get_by_role("textbox").first.evaluate("box => getComputedStyle(box).direction") == "rtl"
    assert page.locator(".st-key-translation_links .source").evaluate("line => line.dir") == "rtl"
    rest(page)
    save(page, "translation-arabic")
    view(page, "Source or prefix")
    chart(page, "prefix_bars")
    assert visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_languages_and_themes(browser: Any, address: str, language: str, scheme: str) -> None:
    with visiting(browser, address, viewport={"width": 1500, "height": 2300}, color_scheme=scheme) as visit:
        ask(visit, DIRECTIONS["en-zh"], lang=language)
        visit.page.get_by_role("heading", name={"en": "How sure the model was", "zh": "模型有多确定"}[language]).wait_for()
        chart(visit.page, "attribution_map")
        rest(visit.page)
        save(visit.page, f"translation-{language}-{scheme}")
        assert visit.complaints == []


def test_a_narrow_window_shows_everything_below_each_other(browser: Any, address: str) -> None:
    with visiting(browser, address, viewport={"width": 420, "height": 3200}) as visit:
        ask(visit, DIRECTIONS["en-zh"])
        chart(visit.page, "attribution_map")
        rest(visit.page)
        assert visit.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        save(visit.page, "translation-narrow")
        assert visit.complaints == []


@pytest.mark.parametrize("hostile", ["<img src=x onerror=alert(1)> bad", "![x](http://127.0.0.1:9/x.png) **bad** film", "<script>alert(1)</script> awful"])
def test_markup_from_people_stays_text(visit: Visit, hostile: str) -> None:
    page = visit.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: visit.complaints.append(f"dialog {dialog.message}"))
    ask(visit, hostile)
    chart(page, "attribution_map")
    rest(page)
    shown = page.locator(".st-key-translation_links .source bdi").all_text_contents()
    assert re.sub(r"\s", "", "".join(shown)) == re.sub(r"\s", "", hostile)
    assert page.locator("main img[src='x'], main img[src*='127.0.0.1:9']").count() == 0
    assert not any(url.startswith("http://127.0.0.1:9/") for url in asked)
    assert visit.complaints == []


def test_the_culture_probe_is_measured_on_demand(visit: Visit) -> None:
    page = visit.page
    ask(visit, DIRECTIONS["en-zh"])
    view(page, "How it fares")
    page.get_by_role("button", name="Measure now").click()
    page.get_by_text("sentences with an idiom").wait_for(timeout=120_000)
    assert len(chart(page, "fares_dots")["y"]) == 3
    rest(page)
    save(page, "translation-fares")
    assert visit.complaints == []
