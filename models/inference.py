"""The one evaluation path: rows of token ids in, logits out. Prediction and every perturbation method go through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch

from models.errors import ModelError
from models.progress import Progress, no_progress

TOKEN_BUDGET = 4_096  # padded tokens in one batch; measured fastest on two cores for the shipped model
HALF_DEVICES = ("cuda",)  # where half precision is faster
HALF_TOLERANCE = 5e-4  # of a probability: a model whose first batch moves by more in half precision stays in full precision
_KEEPS_HALF: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()
Row = Sequence[int]
Item = TypeVar("Item")
Result = TypeVar("Result")


class EvaluatedHandle(Protocol):
    """What `evaluate_rows` needs of a model handle."""

    model: Any
    tokenizer: Any
    lock: Any
    device: Any


def evaluate_rows(
    handle: EvaluatedHandle, rows: Sequence[Row], *, token_budget: int = TOKEN_BUDGET, progress: Progress = no_progress
) -> np.ndarray:
    """Logits of each row (rows, labels), float32.

    Equal rows are evaluated once; rows of like length share a batch; the handle's lock is held for one batch at a time;
    a batch that does not fit into memory is halved. On a GPU matrices are multiplied in half precision where the first batch stays within
    HALF_TOLERANCE of full precision.

    Args:
        handle: Model, tokenizer, lock and device.
        rows: Token ids with special tokens, of any length the model can take.
        token_budget: Most padded tokens in one batch.
        progress: Called with (evaluations done, unique evaluations); may raise Cancelled.

    Raises:
        ModelError: The model gives NaN or infinite logits.
    """
    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(row), len(numbers)) for row in rows]
    unique = list(numbers)
    lengths = [len(row) for row in unique]
    results: list[np.ndarray | None] = [None] * len(unique)
    done = 0
    for batch in cut_batches(sorted(range(len(unique)), key=lengths.__getitem__), lengths, token_budget):
        logits = halving(lambda rows: list(_forward(handle, rows)), [unique[index] for index in batch], lengths[batch[-1]])
        for index, values in zip(batch, logits, strict=True):
            results[index] = values
        done += len(batch)
        progress(done, len(unique))
    if not results:
        return np.zeros((0, handle.model.config.num_labels), dtype=np.float32)
    stacked = np.stack([values for values in results if values is not None])
    if not np.isfinite(stacked).all():
        raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
    return stacked[places]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


def cut_batches(order: Sequence[int], lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Row numbers in the given order, cut into batches of at most `token_budget` padded tokens (rows × longest)."""
    batches: list[list[int]] = []
    batch: list[int] = []
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if batch and (len(batch) + 1) * longest > token_budget:
            batches.append(batch)
            batch, longest = [], lengths[index]
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def halving(evaluate: Callable[[Sequence[Item]], list[Result]], rows: Sequence[Item], longest: int) -> list[Result]:
    """The results of a batch; where it does not fit into memory, of its halves.

    Raises:
        ModelError: One row alone, of up to `longest` tokens, does not fit.
    """
    try:
        return evaluate(rows)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        if len(rows) == 1:
            raise ModelError(f"One row of {longest} tokens does not fit into memory; use a shorter text.") from None
    middle = len(rows) // 2
    return halving(evaluate, rows[:middle], longest) + halving(evaluate, rows[middle:], longest)


def padded(handle: EvaluatedHandle, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask (batch, longest); the mask comes from the lengths, so a pad id inside a row is not hidden."""
    longest = max(len(row) for row in rows)
    pad = handle.tokenizer.pad_token_id or 0
    input_ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=handle.device)
    lengths = torch.tensor([len(row) for row in rows], device=handle.device)
    return input_ids, (torch.arange(longest, device=handle.device) < lengths[:, None]).long()


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: on the CPU torch says so with a bare RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _forward(handle: EvaluatedHandle, rows: Sequence[Row]) -> np.ndarray:
    """Logits (batch, labels)."""
    input_ids, mask = padded(handle, rows)
    with handle.lock, torch.inference_mode():
        if torch.device(handle.device).type not in HALF_DEVICES or _KEEPS_HALF.get(handle.model) is False:
            return _logits(handle, input_ids, mask)
        with torch.autocast(torch.device(handle.device).type, dtype=torch.float16):
            rough = _logits(handle, input_ids, mask)
        if handle.model not in _KEEPS_HALF:
            exact = _logits(handle, input_ids, mask)
            _KEEPS_HALF[handle.model] = bool(np.abs(softmax(rough) - softmax(exact)).max() <= HALF_TOLERANCE)
            return exact
    return rough


def _logits(handle: EvaluatedHandle, input_ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    logits: torch.Tensor = handle.model(input_ids=input_ids, attention_mask=mask).logits
    return logits.float().cpu().numpy()
