"""The benchmark of explanations: what it takes for the floor, and when it says that a promise is kept."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.explained_cases import Case
from benchmarks.explained_growth import peak_memory, text_of
from benchmarks.explaining import Timing, measure
from benchmarks.passes import Pass, recording, whole_batches
from models.classifier import Classifier
from models.tokens import tokenize
from xai import METHODS

TEXT = "The film was not bad at all, and nobody told me."


@pytest.mark.parametrize("method", ["shap", "lime", "occlusion"])
def test_the_floor_has_every_row_once(tiny_bert: Classifier, method: str) -> None:
    with recording(tiny_bert) as passes:
        found = METHODS[method](tiny_bert, TEXT)
    floor = whole_batches(tiny_bert, passes)
    rows = [tuple(row) for one in floor for row in one.given["input_ids"].tolist()]
    assert len(rows) == len(set(rows)) == found.evaluations
    assert len(floor) < len(passes), "as few batches as there can be"
    assert not any(one.differentiated for one in floor)


def test_gradient_passes_are_run_again_with_gradients(tiny_bert: Classifier) -> None:
    with recording(tiny_bert) as passes:
        found = METHODS["integrated_gradients"](tiny_bert, TEXT)
    assert sum(len(one.given["inputs_embeds"]) for one in passes) == found.evaluations
    assert sum(len(one.given["inputs_embeds"]) for one in passes if one.differentiated) == found.parameters["n_steps"]
    backward: list[torch.Tensor] = []

    def module(inputs_embeds: torch.Tensor, **given: Any) -> Any:
        inputs_embeds.register_hook(backward.append)
        return tiny_bert.model(inputs_embeds=inputs_embeds, **given)

    one = next(one for one in passes if one.differentiated)
    Pass(module, one.given, True).run()
    assert backward[0].shape == one.given["inputs_embeds"].shape
    assert backward[0].abs().max() > 0


def test_recording_leaves_the_model_as_it_was(tiny_bert: Classifier) -> None:
    model = tiny_bert.model
    with pytest.raises(KeyError), recording(tiny_bert):
        raise KeyError
    assert tiny_bert.model is model


def test_both_sides_take_turns_after_a_warm_up() -> None:
    calls: list[str] = []

    def work(name: str, seconds: float) -> Any:
        def run() -> None:
            calls.append(name)
            time.sleep(seconds)
        return run

    case = Case(work("peer", 0.02), work("ours", 0.005), [], {"n": 1}, lambda: 0.0)
    found = measure("input_x_gradient", "toy", "captum", [lambda: case], 2)
    assert calls == ["peer", "ours", "peer", "ours", "ours", "peer"]
    assert 2 < found.ratios[0] < 8
    assert found.texts == [{"n": 1}]


@pytest.mark.parametrize(("peer", "ours", "kept"), [(4.0, 1.0, True), (3.9, 1.0, False), (8.0, 1.4, False)])
def test_a_promise_is_kept_by_both_medians(peer: float, ours: float, kept: bool) -> None:
    timing = Timing("shap", "toy", "shap", [], [peer, 100.0, 0.1], [ours, ours, ours], [1.1, 1.1, 1.1], [0.0], 4.0, 1.2)
    assert timing.is_kept is kept
    assert np.median(timing.over_floor) == pytest.approx(ours / 1.1)


def test_a_text_of_so_many_tokens(tiny_bert: Classifier) -> None:
    lengths = [len(tokenize(tiny_bert, text_of(tiny_bert, length)).input_ids) for length in (16, 32)]
    assert lengths[0] <= 16 < lengths[1] <= 32


def test_memory_is_that_of_this_process() -> None:
    status = Path("/proc/self/statm")
    if not status.exists():
        pytest.skip("this system does not say how much memory a process has now")
    now = int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    block = np.ones(100_000_000)  # 800 MB
    assert now + 0.9 * block.nbytes / 1e6 < peak_memory() < 64_000
