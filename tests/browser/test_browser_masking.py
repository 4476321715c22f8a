"""A click on a word takes it away, in a real Chromium: the probabilities are those of the masked text; another click brings it back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from models.loading import load_classifier
from models.tokens import tokenize
from tests.browser.conftest import ROOT, Visit, rest
from tests.browser.test_sentiment_in_chromium import SENTENCES, ask, open_sentiment, wait_until_done
from xai.masking import predict_without_words


def shown(page: Any) -> list[float]:
    """The probabilities beside the labels, in the model's order."""
    bars = page.locator(".st-key-masking [data-testid=stProgress]").all_inner_texts()
    return [float(re.findall(r"\d\.\d{3}", bar)[0]) for bar in bars]


@pytest.mark.parametrize("lang", ["en", "zh", "ar"])
def test_a_click_masks_a_word(visit: Visit, lang: str) -> None:
    page = visit.page
    model = load_classifier(str(ROOT / "checkpoints" / "toy"))
    content, direction = SENTENCES[lang]
    tokenized = tokenize(model, content)
    open_sentiment(visit)
    ask(page, content)
    wait_until_done(page)
    page.get_by_role("radio", name="Mask words").or_(page.get_by_role("button", name="Mask words")).first.click()
    row = page.locator(".st-key-masking .words")
    row.locator("button").first.wait_for()
    assert row.get_attribute("dir") == direction and row.locator("button").count() == tokenized.word_ids[-1] + 1
    whole = predict_without_words(model, tokenized, [])
    assert shown(page) == pytest.approx(list(whole.values()), abs=6e-4)
    moved = max(range(tokenized.word_ids[-1] + 1), key=lambda word: sum(
        abs(value - whole[label]) for label, value in predict_without_words(model, tokenized, [word]).items()))
    expected = list(predict_without_words(model, tokenized, [moved]).values())
    row.locator("button").nth(moved).click()
    page.wait_for_function("before => [...document.querySelectorAll('.st-key-masking [data-testid=stProgress]')].map(bar => bar.innerText).join() !== before",
                           arg=",".join(page.locator(".st-key-masking [data-testid=stProgress]").all_inner_texts()))
    rest(page)  # the bars change one after the other
    assert shown(page) == pytest.approx(expected, abs=6e-4)
    assert row.locator("button").nth(moved).get_attribute("aria-pressed") == "true"
    row.locator("button").nth(moved).click()
    page.wait_for_function("first => document.querySelector('.st-key-masking [data-testid=stProgress]').innerText.includes(first)",
                           arg=f"{next(iter(whole.values())):.3f}")
    assert visit.complaints == []
