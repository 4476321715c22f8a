"""The attention modules of a model, of whatever architecture, and what goes into and out of their heads while the model's lock is held."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from models.errors import InputError, ModelError
from models.translator import Translator

ENCODER, DECODER, CROSS = "encoder", "decoder", "cross"
VALUES = ("value", "v_lin", "v_proj")  # how architectures call the projection of the values
OUTPUTS = ("out_lin", "o_proj", "out_proj")  # and that of the heads' outputs; BERT and its kin have it beside the attention, as output.dense
COUNTS = ("num_heads", "num_attention_heads", "n_heads")

Head = tuple[str, int, int]
"""Block, layer and number of a head, from 0."""


@dataclass(frozen=True)
class AttentionPart:
    """The attention of one layer.

    Attributes:
        block: ENCODER, DECODER or CROSS.
        layer: Number from 0.
        heads: How many.
        values: Linear layer that makes the values (hidden → key/value heads × size); heads may share them in groups.
        output: Linear layer that takes the outputs of all heads side by side (heads × size → hidden).
    """

    block: str
    layer: int
    heads: int
    values: Any
    output: Any

    @property
    def size(self) -> int:
        """Features of a head."""
        return int(self.output.in_features) // self.heads

    def value_norms(self, values: torch.Tensor) -> torch.Tensor:
        """Length of what each place would add through each head if all attention went to it (heads, places), from the values (places, …)."""
        by_head = values.view(len(values), -1, self.size).transpose(0, 1)
        by_head = by_head.repeat_interleave(self.heads // len(by_head), dim=0)
        weights = self.output.weight.view(-1, self.heads, self.size).transpose(0, 1)
        return torch.stack([(places @ weight.T).norm(dim=-1) for places, weight in zip(by_head, weights, strict=True)])


def attention_parts(handle: Any) -> dict[str, list[AttentionPart]]:
    """The attention modules of a handle's model by block, from the first layer to the last.

    Raises:
        ModelError: They cannot be found.
    """
    modules = dict(handle.model.named_modules())
    found: dict[str, list[AttentionPart]] = {block: [] for block in ((ENCODER, DECODER, CROSS) if isinstance(handle, Translator) else (ENCODER,))}
    for name, module in modules.items():
        values = _child(module, VALUES)
        output = _child(module, OUTPUTS) or _child(getattr(modules.get(name.rpartition(".")[0]), "output", None), ("dense",))
        if values is None or output is None:
            continue
        block = CROSS if "encoder_attn" in name else DECODER if ".decoder." in f".{name}" and DECODER in found else ENCODER
        config = getattr(module, "config", handle.model.config)
        heads = next((int(count) for owner in (module, config) for key in COUNTS if isinstance(count := getattr(owner, key, None), int)), 0)
        if not heads or output.in_features % heads or block not in found:
            raise ModelError(f"The attention module {name} of {handle.name} is of an unknown kind; look at its attention weights instead.")
        found[block].append(AttentionPart(block, len(found[block]), heads, values, output))
    if not all(found.values()):
        missing = ", ".join(block for block, parts in found.items() if not parts)
        raise ModelError(f"No attention module was found in {handle.name} ({missing}); look at its attention weights instead.")
    return found


def check_heads(parts: dict[str, list[AttentionPart]], heads: Collection[Head]) -> None:
    """Raises InputError for a head the model does not have."""
    for block, layer, head in heads:
        if block not in parts or not 0 <= layer < len(parts[block]) or not 0 <= head < parts[block][layer].heads:
            sizes = ", ".join(f"{name} {len(layers)} × {layers[0].heads}" for name, layers in parts.items())
            raise InputError(f"There is no head {head} in layer {layer} of {block}; the model has (layers × heads) {sizes}, counted from 0.")


@contextlib.contextmanager
def silencing(handle: Any, parts: dict[str, list[AttentionPart]], rows: Sequence[Collection[Head]]) -> Iterator[None]:
    """Holds the handle's lock; each row of the batch that goes through the model meanwhile has the output of its own heads set to zero."""
    with handle.lock, contextlib.ExitStack() as hooks:
        for part in (part for layers in parts.values() for part in layers):
            silent = [(row, head) for row, heads in enumerate(rows) for block, layer, head in heads if (block, layer) == (part.block, part.layer)]
            if silent:
                hooks.callback(part.output.register_forward_pre_hook(_silence(part, silent)).remove)
        yield


@contextlib.contextmanager
def catching_values(handle: Any, parts: dict[str, list[AttentionPart]]) -> Iterator[dict[tuple[str, int], torch.Tensor]]:
    """Holds the handle's lock; what comes out of the value layers meanwhile (batch, places, key/value heads × size), by block and layer."""
    caught: dict[tuple[str, int], torch.Tensor] = {}
    with handle.lock, contextlib.ExitStack() as hooks:
        for part in (part for layers in parts.values() for part in layers):
            def keep(_: Any, __: Any, output: torch.Tensor, place: tuple[str, int] = (part.block, part.layer)) -> None:
                caught[place] = output

            hooks.callback(part.values.register_forward_hook(keep).remove)
        yield caught


def _silence(part: AttentionPart, silent: Sequence[tuple[int, int]]) -> Any:
    def hook(_: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        kept = given[0].clone()
        for row, head in silent:
            kept[row, ..., head * part.size : (head + 1) * part.size] = 0
        return (kept, *given[1:])

    return hook


def _child(module: Any, names: Sequence[str]) -> Any:
    return next((child for name in names if isinstance(child := getattr(module, name, None), torch.nn.Linear)), None)
