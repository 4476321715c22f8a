"""The passes an explanation spends, written down and run again without anything round them: the floor under its seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from models.inference import TOKEN_BUDGET, EvaluatedHandle, cut_batches, padded
from xai.embedded_translation import BATCH_TOKENS
from xai.forced_pair import ForcedPair


@dataclass(frozen=True)
class Pass:
    """One call of a model.

    Attributes:
        module: What was called.
        given: With what.
        differentiated: Whether gradients were wanted.
    """

    module: Callable[..., Any]
    given: dict[str, Any]
    differentiated: bool

    def run(self) -> None:
        """Runs it again, with gradients of all logits where they were wanted."""
        if not self.differentiated:
            with torch.inference_mode():
                self.module(**self.given)
            return
        leaf = self.given["inputs_embeds"].detach().requires_grad_()
        torch.autograd.grad(self.module(**{**self.given, "inputs_embeds": leaf}).logits.sum(), leaf)


class Recorder:
    """A classifier that writes down what it is called with."""

    def __init__(self, model: Any, passes: list[Pass]) -> None:
        """Stands for the model and adds to the passes."""
        self._model, self._passes = model, passes

    def __call__(self, **given: Any) -> Any:
        """What the model gives."""
        self._passes.append(Pass(self._model, given, torch.is_grad_enabled()))
        return self._model(**given)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the model's."""
        return getattr(self._model, name)


@contextmanager
def recording(handle: Any) -> Iterator[list[Pass]]:
    """The passes of a handle's model while the context is open."""
    passes: list[Pass] = []
    model = handle.model
    handle.model = Recorder(model, passes)
    try:
        yield passes
    finally:
        handle.model = model


def whole_batches(handle: EvaluatedHandle, passes: list[Pass]) -> list[Pass]:
    """The same rows of token ids, each once and in as few batches as the token budget allows."""
    rows: dict[tuple[int, ...], None] = {}
    for one in passes:
        for ids, mask in zip(one.given["input_ids"].tolist(), one.given["attention_mask"].tolist(), strict=True):
            rows[tuple(ids[: sum(mask)])] = None
    unique = sorted(rows, key=len)
    batches = cut_batches(range(len(unique)), [len(row) for row in unique], TOKEN_BUDGET)
    return [Pass(handle.model, dict(zip(("input_ids", "attention_mask"), padded(handle, [unique[number] for number in batch]), strict=True)), False)
            for batch in batches]


def whole_pairs(pair: ForcedPair, count: int) -> list[Pass]:
    """That many passes of a translation through the whole model, in batches of the size that gradients are taken in."""
    source, target = (torch.tensor([text.input_ids]) for text in (pair.source, pair.target))
    room = max(1, BATCH_TOKENS // (source.shape[1] + target.shape[1]))
    sizes = [min(room, count - start) for start in range(0, count, room)]
    return [Pass(pair.model.model, {"input_ids": source.expand(size, -1), "decoder_input_ids": target[:, :-1].expand(size, -1), "use_cache": False}, False)
            for size in sizes]
