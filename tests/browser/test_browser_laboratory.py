"""The attention laboratory in a real Chromium: the grid, the lines, heads switched off, and the page that is saved."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.classifier import Classifier
from models.loading import load_classifier
from tests.browser.conftest import Visit, download, rest, visiting
from tests.browser.test_sentiment_in_chromium import SENTENCES
from tests.tiny_translator import PAIRS
from xai import attention
from xai.attention_flow import attention_flow
from xai.head_knockout import knock_out_heads, predict_without

TEXT = SENTENCES["en"][0]
NAMES = {"en": ("Attention laboratory", "Rollout", "Flow", "Measure every head", "Switch this head off", "Save as a page"),
         "zh": ("注意力实验室", "注意力传播", "注意力流", "测量每个头", "关掉这个头", "存为网页")}
HOSTILE = "</script><script>alert(1)</script> awful <img src=x onerror=alert(1)>"
PAINTED = "canvases => canvases.every(canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value))"


@pytest.fixture(scope="module")
def model(checkpoints: Path) -> Classifier:
    """The classifier as the test computes with it."""
    return load_classifier(str(checkpoints / "sentiment"))


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """A fresh visitor with a tall window."""
    with visiting(browser, address, viewport={"width": 1500, "height": 1700}) as visit:
        yield visit


def open_laboratory(visit: Visit, text: str, *, lang: str = "en", page: str = "sentiment") -> Any:
    """Asks for a text and opens its laboratory, once the flow is there."""
    visit.page.goto(f"{visit.url}/{page}?lang={lang}" + ("&source=en&target=zh" if page == "translation" else ""))
    box = visit.page.get_by_role("textbox").first
    box.wait_for()
    rest(visit.page)
    box.fill(text)
    box.press("Control+Enter")
    visit.page.get_by_role("radio", name=NAMES[lang][0]).or_(visit.page.get_by_role("button", name=NAMES[lang][0])).first.click()
    visit.page.locator(".lab .cell").first.wait_for()
    visit.page.locator(f".lab .choice:text-is('{NAMES[lang][2]}')").wait_for()
    rest(visit.page)
    return visit.page.locator(".lab")


def cell(view: Any, layer: int | None, head: int | None) -> Any:
    return view.locator(f".cell[data-place='{'null' if layer is None else layer}/{'null' if head is None else head}']")


def shares(view: Any, row: int) -> list[float]:
    """The numbers beside the words that one word looks at, as they are shown."""
    view.locator(".looking .word").nth(row).hover()
    return [float(number) for number in view.locator(".looked .share").all_text_contents()]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_head_is_drawn_and_a_click_shows_its_numbers(visit: Visit, model: Classifier, lang: str) -> None:
    view = open_laboratory(visit, TEXT, lang=lang)
    found = attention.maps(model, TEXT).words()
    layers, heads = found.weights.shape[:2]
    assert view.locator(".cell").count() == layers * heads + layers + 1
    assert view.locator("canvas").evaluate_all(PAINTED)
    assert view.locator(".looking bdi").all_text_contents() == list(found.tokens)
    assert shares(view, 0) == pytest.approx(found.weights.mean((0, 1))[0], abs=0.0071)
    for layer, head in ((0, 1), (layers - 1, heads - 1)):
        cell(view, layer, head).click()
        assert cell(view, layer, head).get_attribute("aria-pressed") == "true"
        assert shares(view, 2) == pytest.approx(found.weights[layer, head, 2], abs=0.0071)  # 0.002 of a byte and half a digit
        lines = view.locator("svg line").evaluate_all(
            "lines => lines.map(line => [Number(line.getAttribute('y1')), Number(line.getAttribute('stroke-width'))])")
        assert {height for height, _ in lines} == {2.5 * 26}
        assert max(width for _, width in lines) == pytest.approx(0.6 + 4.4 * found.weights[layer, head, 2].max(), abs=0.01)
    cell(view, 0, None).click()
    assert shares(view, 1) == pytest.approx(found.weights[0].mean(0)[1], abs=0.0071)
    assert visit.complaints == []


def test_a_word_that_is_looked_at_shows_who_looks(visit: Visit, model: Classifier) -> None:
    view = open_laboratory(visit, TEXT)
    found = attention.maps(model, TEXT).words()
    cell(view, 1, 2).click()
    view.locator(".looked .word").nth(3).hover()
    numbers = [float(number) for number in view.locator(".looking .share").all_text_contents()]
    assert numbers == pytest.approx(found.weights[1, 2, :, 3], abs=0.0071)
    view.locator(".looked .word").nth(3).click()
    visit.page.mouse.move(0, 0)
    assert view.locator(".looking .share").first.text_content() != ""  # kept
    visit.page.keyboard.press("Escape")
    visit.page.keyboard.press("Tab")
    assert visit.complaints == []


def test_rollout_and_flow_are_those_of_xai(visit: Visit, model: Classifier) -> None:
    view = open_laboratory(visit, TEXT)
    found = attention.maps(model, TEXT)
    words = np.array([[key == group for key in keys(found)] for group in dict.fromkeys(keys(found))], dtype=float)
    view.get_by_role("button", name="Rollout", exact=True).click()
    rollout = words / words.sum(1, keepdims=True) @ found.rollout() @ words.T
    for row in (0, 3):
        assert shares(view, row) == pytest.approx(rollout[row], abs=0.0071)
    view.get_by_role("button", name="Flow", exact=True).click()
    assert shares(view, 0) == pytest.approx(words @ attention_flow(found, 0), abs=0.0071)
    assert view.locator(".looking .word.blank").count() == len(rollout) - 1
    cell(view, 0, 0).click()
    assert shares(view, 1) == pytest.approx((words / words.sum(1, keepdims=True) @ found.weights[0, 0] @ words.T)[1], abs=0.0071)
    assert visit.complaints == []


def keys(found: attention.AttentionMap) -> list[tuple[str, int]]:
    return [("place", place) if word is None else ("word", word) for place, word in enumerate(found.word_ids)]


def test_the_grid_is_walked_by_keyboard(visit: Visit) -> None:
    view = open_laboratory(visit, TEXT)
    page = visit.page
    cell(view, 0, 0).click()
    for key, place in (("ArrowRight", "0/1"), ("ArrowDown", "1/1"), ("ArrowLeft", "1/0"), ("ArrowUp", "0/0"), ("ArrowLeft", "0/0")):
        page.keyboard.press(key)
        focused = page.evaluate("() => { let at = document.activeElement; while (at.shadowRoot) at = at.shadowRoot.activeElement; return at.dataset.place; }")
        assert focused == place
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert cell(view, 1, 0).get_attribute("aria-pressed") == "true"
    assert view.locator(".cell[tabindex='0']").count() == 1
    assert re.fullmatch(r"layer 2, head 1.*", cell(view, 1, 0).get_attribute("aria-label") or "")
    rest(page)
    focused = page.evaluate("() => { let at = document.activeElement; while (at.shadowRoot) at = at.shadowRoot.activeElement; return at.dataset.place; }")
    assert focused == "1/0"  # the page answered, and the keyboard is where it was
    assert visit.complaints == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_numbers_of_the_heads_and_probabilities_without_them(visit: Visit, model: Classifier, lang: str) -> None:
    text = SENTENCES[lang][0]  # what one visitor measures is kept for the next
    view = open_laboratory(visit, text, lang=lang)
    page = visit.page
    target = model.predict([text])[0].label
    expected = knock_out_heads(model, text, target).effects["encoder"]
    page.get_by_role("button", name=NAMES[lang][3]).click()
    view.locator(".cell .number").first.wait_for()
    shown = [float(number.replace("−", "-")) for number in view.locator(".cell .number").all_text_contents()]
    assert shown == pytest.approx(expected.ravel(), abs=6e-4)
    rest(page)
    cell(view, 1, 0).click()
    view.get_by_role("button", name=NAMES[lang][4]).click()
    view.locator(".cell.off").wait_for()
    page.get_by_text(re.compile(r"(Encoder|编码器) 2\.1$")).wait_for()
    cell(view, 0, 2).click(modifiers=["Shift"])
    page.get_by_text(re.compile(r"(Encoder|编码器) 2\.1, (Encoder|编码器) 1\.3|(Encoder|编码器) 1\.3, (Encoder|编码器) 2\.1")).wait_for()
    assert view.locator(".cell.off").count() == 2
    without = predict_without(model, text, [(1, 0), (0, 2)])
    for label, before in model.predict([text])[0].probabilities.items():
        page.locator(".st-key-laboratory_without").get_by_text(f"{before:.3f} → {without[label]:.3f}").wait_for()
    assert visit.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_arabic_is_mirrored_in_both_themes(browser: Any, address: str, scheme: str) -> None:
    with visiting(browser, address, viewport={"width": 1500, "height": 1500}, color_scheme=scheme) as visit:
        view = open_laboratory(visit, SENTENCES["ar"][0])
        cell(view, 1, 1).click()
        assert view.locator(".sides").get_attribute("dir") == "rtl"
        looking, looked = (view.locator(f".words.{side}").bounding_box() for side in ("looking", "looked"))
        assert looking["x"] > looked["x"] + looked["width"]
        assert "".join(view.locator(".looking bdi").all_text_contents()[1:-1]).replace(" ", "") == SENTENCES["ar"][0].replace(" ", "")
        colours = view.evaluate("view => [getComputedStyle(view).color, getComputedStyle(view.querySelector('svg')).stroke]")
        assert len(set(colours)) == 2
        assert visit.complaints == []


def test_the_saved_page_opens_without_a_network(browser: Any, visit: Visit, model: Classifier, tmp_path: Path) -> None:
    view = open_laboratory(visit, HOSTILE)
    tokens = view.locator(".looking bdi").all_text_contents()
    page = tmp_path / "attention.html"
    shutil.copy(download(visit.page, visit.page.get_by_role("button", name=NAMES["en"][5])), page)
    with visiting(browser, "file://", offline=True) as alone:
        alone.page.on("dialog", lambda dialog: alone.complaints.append(f"dialog {dialog.message}"))
        alone.page.goto(page.as_uri())
        saved = alone.page.locator(".lab")
        cell(saved, 1, 0).click()
        assert saved.locator(".looking bdi").all_text_contents() == tokens
        assert shares(saved, 1) == pytest.approx(attention.maps(model, HOSTILE).words().weights[1, 0, 1], abs=0.0071)
        assert saved.locator(".switch").count() == 0  # without the model nothing can be switched off
        shown = alone.page.locator("body").inner_text()
        for part in (HOSTILE, model.fingerprint, model.predict([HOSTILE])[0].label, "Attention says where the model looked"):
            assert part in shown
        assert alone.complaints == []
    assert visit.complaints == []


def test_a_translation_has_three_blocks(visit: Visit) -> None:
    view = open_laboratory(visit, PAIRS[0][0], page="translation")
    assert view.locator(".choice").all_text_contents()[:3] == ["Cross-attention", "Encoder", "Decoder"]
    sides = [view.locator(f".{side} bdi").all_text_contents() for side in ("looking", "looked")]
    assert re.sub(r"\s", "", "".join(sides[1])) == re.sub(r"\s", "", PAIRS[0][0])
    assert view.locator(".star").count() == 1
    view.get_by_role("button", name="Decoder", exact=True).click()
    assert view.locator(".looked bdi").all_text_contents() == sides[0]
    cell(view, 1, 0).click()
    view.get_by_role("button", name=NAMES["en"][4]).click()
    visit.page.get_by_text(re.compile(r"Decoder 2\.1$")).wait_for()
    visit.page.get_by_text(re.compile(r"nats with all heads")).wait_for()
    assert visit.complaints == []
