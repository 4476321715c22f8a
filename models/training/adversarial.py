"""Adversarial training on the embeddings: FGM (Miyato et al. 2017) and FreeLB (Zhu et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from models.errors import ConfigError


@dataclass(frozen=True)
class AdversarialConfig:
    """Settings of the adversarial noise."""

    method: str = "none"  # none, fgm or freelb
    epsilon: float = 0.5  # length of the perturbation of one text (L2 norm over its embedded tokens)
    step_size: float = 0.3  # FreeLB only: length of one ascent step
    ascent_steps: int = 2  # FreeLB only

    def __post_init__(self) -> None:
        """Raises ConfigError for an unknown method or no ascent step."""
        if self.method not in ("none", "fgm", "freelb"):
            raise ConfigError(f"adversarial method is {self.method!r}, expected none, fgm or freelb.")
        if self.ascent_steps < 1:
            raise ConfigError(f"adversarial ascent_steps is {self.ascent_steps}, expected 1 or more.")


@dataclass(frozen=True)
class LabelledBatch:
    """A fine-tuning batch: input_ids and attention_mask (batch, length), labels (batch,), all int64, or labels as probabilities (batch, classes)."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor


def backward_adversarial(
    model: Any, batch: LabelledBatch, config: AdversarialConfig, label_smoothing: float
) -> dict[str, float]:
    """Runs backward for the plain and the perturbed texts of a classifier; returns the plain and the adversarial loss in nats."""

    def loss(embeds: torch.Tensor) -> torch.Tensor:
        logits = model(inputs_embeds=embeds, attention_mask=batch.attention_mask).logits
        return cross_entropy(logits.float(), batch.labels, label_smoothing=label_smoothing)

    return backward_perturbed(lambda: model.get_input_embeddings()(batch.input_ids), batch.attention_mask, loss, config)


def backward_perturbed(
    embed: Callable[[], torch.Tensor], attention_mask: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], config: AdversarialConfig
) -> dict[str, float]:
    """Runs backward for plain and perturbed embeddings; returns the plain and the adversarial loss in nats.

    Args:
        embed: The embeddings of the texts (batch, length, hidden), looked up anew each time.
        attention_mask: 1 for tokens, 0 for padding (batch, length).
        loss: Loss of the model at given embeddings.
        config: How the embeddings are perturbed.
    """
    if config.method == "freelb":
        return _freelb(embed, attention_mask, loss, config)
    embeds = embed()
    if config.method == "none":
        value = loss(embeds)
        value.backward()
        return {"loss": value.item()}
    if not embeds.requires_grad:
        embeds.requires_grad_()  # frozen embeddings are perturbed as well
    embeds.retain_grad()
    value = loss(embeds)
    value.backward()
    delta = _scaled(embeds.grad, attention_mask, config.epsilon)
    adversarial = loss(embed() + delta)
    adversarial.backward()
    return {"loss": value.item(), "adversarial_loss": adversarial.item()}


def _freelb(
    embed: Callable[[], torch.Tensor], attention_mask: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], config: AdversarialConfig
) -> dict[str, float]:
    """Gradients of the weights averaged over the ascent steps ("free" large-batch training)."""
    with torch.no_grad():
        delta = torch.empty_like(embed()).uniform_(-1, 1) * attention_mask.unsqueeze(-1)
    delta = _scaled(delta, attention_mask, config.epsilon / 2)
    losses = []
    for _ in range(config.ascent_steps):
        delta = delta.detach().requires_grad_()
        value = loss(embed() + delta)
        (value / config.ascent_steps).backward()
        losses.append(value.item())
        moved = delta.detach() + _scaled(delta.grad, attention_mask, config.step_size)
        norm = moved.flatten(1).norm(dim=1).clamp_min(1e-12)
        delta = moved * (config.epsilon / norm).clamp(max=1.0)[:, None, None]
    return {"loss": losses[0], "adversarial_loss": losses[-1]}


def _scaled(direction: torch.Tensor | None, attention_mask: torch.Tensor, length: float) -> torch.Tensor:
    """The direction of each text at the given L2 length, zero at padding (batch, length, hidden)."""
    if direction is None:
        raise ConfigError("The loss has no gradient at the embeddings; adversarial training needs a model that reads inputs_embeds.")
    direction = direction.detach() * attention_mask.unsqueeze(-1)
    norm = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    scaled: torch.Tensor = length * direction / norm[:, None, None]
    return scaled
