"""Texts as points: the mean of a classifier's last hidden states over the tokens of each text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from models.errors import InputError, ModelError
from models.inference import TOKEN_BUDGET, EvaluatedHandle, Row, cut_batches, halving, padded
from models.progress import Progress, no_progress
from models.text import check_text
from models.tokens import encode_texts

if TYPE_CHECKING:
    from models.classifier import Classifier


def embed_texts(model: Classifier, texts: Sequence[str], *, progress: Progress = no_progress) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the texts in which the model can read something (read,), and the embedding of each (read, features).

    Args:
        model: Its encoder is used, its head is not.
        texts: Cut where the model cuts them.
        progress: Told different texts done.

    Raises:
        ModelError: As `embed_rows`.
        Cancelled: `progress` asked to stop.
    """
    checked = {number: text for number, text in enumerate(map(_checked, texts)) if text is not None}
    encoded = dict(zip(checked, encode_texts(model, list(checked.values())), strict=True))
    read = {number: text.input_ids for number, text in encoded.items() if text is not None}
    return np.array(list(read), dtype=np.int64), embed_rows(model, list(read.values()), progress=progress)


def embed_rows(
    handle: EvaluatedHandle, rows: Sequence[Row], *, token_budget: int = TOKEN_BUDGET, progress: Progress = no_progress
) -> np.ndarray:
    """Mean of the last hidden states over the tokens that are not special (rows, features), float32 (Reimers & Gurevych 2019).

    Equal rows are evaluated once, batches are those of `evaluate_rows`, and the lock is held for one of them at a time.

    Args:
        handle: Model, tokenizer, lock and device.
        rows: Token ids with special tokens, of any length the model can take.
        token_budget: Most padded tokens in one batch.
        progress: Called with (different rows done, different rows); may raise Cancelled.

    Raises:
        ModelError: The model has no encoder apart from its head, or gives NaN or infinite hidden states.
    """
    if handle.model.base_model is handle.model:
        raise ModelError(f"{type(handle.model).__name__} has no encoder apart from its head, so its texts have no place; load another model.")
    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(row), len(numbers)) for row in rows]
    unique = list(numbers)
    lengths = [len(row) for row in unique]
    found = np.zeros((len(unique), handle.model.config.hidden_size), dtype=np.float32)
    done = 0
    for batch in cut_batches(sorted(range(len(unique)), key=lengths.__getitem__), lengths, token_budget):
        found[batch] = halving(lambda rows: list(_forward(handle, rows)), [unique[index] for index in batch], lengths[batch[-1]])
        done += len(batch)
        progress(done, len(unique))
    if not np.isfinite(found).all():
        raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
    return found[places]


def _checked(text: str) -> str | None:
    try:
        return check_text(text)
    except InputError:
        return None


def _forward(handle: EvaluatedHandle, rows: Sequence[Row]) -> np.ndarray:
    """Means (batch, features); a special token that somebody typed was made unknown text when the row was encoded, so ids tell which are special."""
    input_ids, mask = padded(handle, rows)
    special = torch.tensor(sorted(set(handle.tokenizer.all_special_ids) - {handle.tokenizer.unk_token_id}), device=handle.device)
    with handle.lock, torch.inference_mode():
        states: torch.Tensor = handle.model.base_model(input_ids=input_ids, attention_mask=mask).last_hidden_state.float()
    kept = (mask.bool() & ~torch.isin(input_ids, special)).float().unsqueeze(-1)
    means = (states * kept).sum(1) / kept.sum(1).clamp(min=1)
    return means.cpu().numpy()
