"""The one evaluation path: rows of token ids in, logits out. Prediction and every perturbation method go through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from models.errors import ModelError
from models.progress import Progress, no_progress

TOKEN_BUDGET = 4_096  # padded tokens in one batch; measured fastest on two cores for the shipped model
Row = Sequence[int]


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
    a batch that does not fit into memory is halved.

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
    order = sorted(range(len(unique)), key=lambda index: len(unique[index]))
    results: list[np.ndarray | None] = [None] * len(unique)
    done = 0
    for batch in _cut(order, unique, token_budget):
        logits = _evaluate_batch(handle, [unique[index] for index in batch])
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


def unique_rows(rows: Sequence[Row]) -> int:
    """Number of evaluations the rows cost."""
    return len({tuple(row) for row in rows})


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis, in float64."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True))


def _cut(order: list[int], rows: Sequence[Row], token_budget: int) -> list[list[int]]:
    """Rows sorted by length in batches of at most `token_budget` padded tokens."""
    batches: list[list[int]] = []
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * len(rows[index]) > token_budget:
            batches.append(batch)
            batch = []
        batch.append(index)
    if batch:
        batches.append(batch)
    return batches


def _evaluate_batch(handle: EvaluatedHandle, rows: Sequence[Row]) -> np.ndarray:
    try:
        return _forward(handle, rows)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        if len(rows) == 1:
            raise ModelError(f"One row of {len(rows[0])} tokens does not fit into memory; use a shorter text.") from None
    middle = len(rows) // 2
    return np.concatenate([_evaluate_batch(handle, rows[:middle]), _evaluate_batch(handle, rows[middle:])])


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: on the CPU torch says so with a bare RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _forward(handle: EvaluatedHandle, rows: Sequence[Row]) -> np.ndarray:
    """Logits (batch, labels); the mask comes from the lengths, so a pad id inside a row is not hidden."""
    longest = max(len(row) for row in rows)
    pad = handle.tokenizer.pad_token_id or 0
    input_ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=handle.device)
    lengths = torch.tensor([len(row) for row in rows], device=handle.device)
    mask = (torch.arange(longest, device=handle.device) < lengths[:, None]).long()
    with handle.lock, torch.inference_mode():
        logits: torch.Tensor = handle.model(input_ids=input_ids, attention_mask=mask).logits
    return logits.float().cpu().numpy()
