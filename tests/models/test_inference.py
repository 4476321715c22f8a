"""The one evaluation path: same numbers as single forward passes, each row once, halved on full memory, stopped when asked."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import inference
from models.classifier import Classifier
from models.errors import Cancelled, ModelError
from models.inference import evaluate_rows, softmax
from models.loading import load_classifier
from models.tokens import tokenize
from tests.conftest import TEXTS


class Adder:
    """A model whose logits are the sum of the ids it may see and their number; remembers every batch."""

    def __init__(self, room: int = 1_000_000, error: Exception | None = None) -> None:
        self.config = SimpleNamespace(num_labels=2)
        self.batches: list[tuple[int, int]] = []
        self.room, self.error = room, error

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        if self.error is not None and len(input_ids) > self.room:
            raise self.error
        self.batches.append((int(input_ids.shape[0]), int(input_ids.shape[1])))
        logits = torch.stack([(input_ids * attention_mask).sum(1), attention_mask.sum(1)], 1)
        return SimpleNamespace(logits=logits.to(torch.float16 if self.room == 0 else torch.float32))


def handle_of(model: Any, pad: int | None = 7) -> Any:
    return SimpleNamespace(model=model, tokenizer=SimpleNamespace(pad_token_id=pad), lock=threading.RLock(), device="cpu")


def test_equals_one_forward_pass_a_row(tiny_classifier: Classifier) -> None:
    rows = [list(tokenize(tiny_classifier, text).input_ids) for text in (*TEXTS, "ok", TEXTS[3])]
    with torch.no_grad():
        expected = np.concatenate([tiny_classifier.model(input_ids=torch.tensor([row])).logits.numpy() for row in rows])
    for budget in (1, 100, 4_096):
        found = evaluate_rows(tiny_classifier, rows, token_budget=budget)
        assert found.dtype == np.float32
        assert found == pytest.approx(expected, abs=1e-5)


@given(rows=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), max_size=20), budget=st.integers(1, 40))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_each_row_once_in_order_and_within_the_budget(rows: list[list[int]], budget: int) -> None:
    model, reports = Adder(), []
    found = evaluate_rows(handle_of(model), rows, token_budget=budget, progress=lambda *numbers: reports.append(numbers))
    assert found.tolist() == [[sum(row), len(row)] for row in rows]
    assert sum(count for count, _ in model.batches) == len({tuple(row) for row in rows})
    assert all(count == 1 or count * length <= budget for count, length in model.batches)
    assert reports == [(done, len({tuple(row) for row in rows})) for done in np.cumsum([count for count, _ in model.batches])]


def test_no_row_gives_no_logits(tiny_bert: Classifier) -> None:
    assert evaluate_rows(tiny_bert, []).shape == (0, 3)


def test_a_tokenizer_without_padding_still_batches() -> None:
    assert evaluate_rows(handle_of(Adder(), pad=None), [[1, 2, 3], [4]]).tolist() == [[6, 3], [4, 1]]


def test_a_half_precision_model_gives_float32() -> None:
    assert evaluate_rows(handle_of(Adder(room=0)), [[1, 2]]).dtype == np.float32


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
], ids=["cuda", "python", "cpu"])
def test_a_batch_that_does_not_fit_is_halved(error: Exception) -> None:
    rows = [[number, 1] for number in range(11)]
    model = Adder(room=3, error=error)
    assert evaluate_rows(handle_of(model), rows).tolist() == [[number + 1, 2] for number in range(11)]
    assert [count for count, _ in model.batches] == [2, 3, 3, 3]


def test_a_row_that_does_not_fit_is_named() -> None:
    with pytest.raises(ModelError, match="One row of 3 tokens does not fit into memory"):
        evaluate_rows(handle_of(Adder(room=0, error=MemoryError())), [[1, 2, 3]])


def test_other_faults_of_the_model_pass_through() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        evaluate_rows(handle_of(Adder(room=0, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))), [[1], [2]])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_numbers_are_refused(tiny_checkpoints: Path, value: float) -> None:
    broken = load_classifier(str(tiny_checkpoints / "bert"))
    broken.model.classifier.bias[1] = value
    with pytest.raises(ModelError, match=r"not numbers \(NaN or infinite\)"):
        broken.predict(["ok"])


def test_stops_after_the_batch_in_which_it_was_asked_to() -> None:
    model = Adder()

    def stop(done: int, total: int) -> None:
        assert total == 5
        if done >= 2:
            raise Cancelled("The reader left.")

    with pytest.raises(Cancelled, match="The reader left"):
        evaluate_rows(handle_of(model), [[number] for number in range(5)], token_budget=1, progress=stop)
    assert len(model.batches) == 2


def test_the_lock_is_held_for_one_batch_at_a_time() -> None:
    model = Adder()
    handle, taken = handle_of(model), []

    def free() -> bool:
        """Whether somebody else could take the lock now."""
        answer: list[bool] = []

        def attempt() -> None:
            answer.append(handle.lock.acquire(blocking=False))
            if answer[0]:
                handle.lock.release()

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        return answer[0]

    def watched(**inputs: torch.Tensor) -> SimpleNamespace:
        taken.append(("forward", free()))
        return model(**inputs)

    handle.model = watched
    evaluate_rows(handle, [[1], [2]], token_budget=1, progress=lambda done, total: taken.append(("between", free())))
    assert taken == [("forward", False), ("between", True)] * 2


@given(st.lists(st.lists(st.floats(-80, 80, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_softmax_equals_scipy(logits: list[list[float]]) -> None:
    values = np.array(logits, dtype=np.float32)
    assert softmax(values) == pytest.approx(scipy.special.softmax(values.astype(np.float64), axis=-1))
    assert softmax(values).sum(-1) == pytest.approx(np.ones(len(logits)))


def test_softmax_by_hand_and_without_overflow() -> None:
    assert softmax(np.log(np.array([1.0, 2.0, 5.0]))) == pytest.approx([0.125, 0.25, 0.625])
    assert softmax(np.array([1e4, 0.0], dtype=np.float32)).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("tolerance", "kept"), [(5e-4, True), (0.0, False)])
def test_half_precision_is_kept_where_it_is_close(tiny_bert: Classifier, monkeypatch: pytest.MonkeyPatch, tolerance: float, kept: bool) -> None:
    """On the CPU in the place of a GPU: the first batch decides and is exact, what follows is near or exact."""
    monkeypatch.setattr(inference, "HALF_DEVICES", ("cpu",))
    monkeypatch.setattr(inference, "HALF_TOLERANCE", tolerance)
    monkeypatch.setattr(inference, "_KEEPS_HALF", WeakKeyDictionary())
    rows = [list(tokenize(tiny_bert, text).input_ids) for text in TEXTS]
    with torch.no_grad():
        exact = softmax(np.concatenate([tiny_bert.model(input_ids=torch.tensor([row])).logits.numpy() for row in rows]))
    first, second = (softmax(evaluate_rows(tiny_bert, rows)) for _ in range(2))
    assert inference._KEEPS_HALF[tiny_bert.model] is kept
    apart = np.abs(second - exact).max()
    assert np.abs(first - exact).max() <= 5e-4 and (1e-7 < apart <= 5e-4 if kept else apart < 1e-6)
