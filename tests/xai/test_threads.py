"""Sixteen visitors for a minute on the same handles: whatever one of them gets equals what it gets alone."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.loading import load_classifier, load_translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import METHODS, TRANSLATION_METHODS, attention, cross_attention
from xai.faithfulness import measure_faithfulness
from xai.head_knockout import knock_out_heads
from xai.value_weighted import value_weighted

THREADS, SECONDS = 16, 60.0
QUICK: dict[str, dict[str, int]] = {"shap": {"max_evals": 60}, "shapley": {"budget": 60}, "lime": {"num_samples": 60}}
LANGUAGES = {"source_language": "en", "target_language": "zh"}


def tasks(checkpoints: Path, translators: Path) -> list[Callable[[], np.ndarray]]:
    """Every method on several texts, prediction, attention, head knock-out and faithfulness, on two classifiers and a translator."""
    found: list[Callable[[], np.ndarray]] = []
    for model in (load_classifier(str(checkpoints / name)) for name in ("bert", "wide-deep")):
        for text in TEXTS[:6]:
            found += [lambda model=model, text=text, name=name: METHODS[name](model, text, "positive", **QUICK.get(name, {})).scores for name in METHODS]
            found += [lambda model=model, text=text: np.array(list(model.predict([text])[0].probabilities.values())),
                      lambda model=model, text=text: attention.maps(model, text).weights,
                      lambda model=model, text=text: value_weighted(model, text).weights,
                      lambda model=model, text=text: knock_out_heads(model, text, "positive").effects["encoder"]]
        explanation = METHODS["occlusion"](model, TEXTS[0], "positive")
        found.append(lambda model=model, one=explanation: np.array(measure_faithfulness(model, one, baselines=40).measures.deletion_curve))
    translator = load_translator(str(translators / "m2m100"))
    for text, hypothesis in ((SENTENCES[0], SENTENCES[1]), (SENTENCES[3], SENTENCES[4])):
        found += [lambda text=text, hypothesis=hypothesis, name=name: TRANSLATION_METHODS[name](
            translator, text, hypothesis, **LANGUAGES, **QUICK.get(name, {})).source_scores for name in TRANSLATION_METHODS]
        found.append(lambda text=text, hypothesis=hypothesis: cross_attention.maps(translator, text, hypothesis, **LANGUAGES).weights)
    return found


@pytest.mark.timeout(400)
def test_sixteen_threads_for_a_minute(tiny_checkpoints: Path, translator_checkpoints: Path) -> None:
    work = tasks(tiny_checkpoints, translator_checkpoints)
    alone = [task() for task in work]
    turns, wrong, done = itertools.count(), list[Any](), [0] * THREADS
    end = time.monotonic() + SECONDS

    def visit(visitor: int) -> None:
        while time.monotonic() < end and not wrong:
            number = next(turns) * 7 % len(work)  # neighbours in time are of different texts
            try:
                found = work[number]()
                if found.shape != alone[number].shape or np.abs(found - alone[number]).max() > 1e-6:
                    wrong.append((number, float(np.abs(found - alone[number]).max())))
            except Exception as error:
                wrong.append((number, error))
            done[visitor] += 1

    visitors = [threading.Thread(target=visit, args=(visitor,)) for visitor in range(THREADS)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert wrong == []
    assert min(done) > 0 and sum(done) >= len(work), f"{sum(done)} of at least {len(work)} results were compared"
