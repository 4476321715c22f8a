"""Adversarial training on the embeddings: FGM (Miyato et al. 2017) and FreeLB (Zhu et al. 2020)."""

from __future__ import annotations

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
    """Runs backward for the plain and the perturbed texts; returns the plain and the adversarial loss in nats."""
    if config.method == "freelb":
        return _freelb(model, batch, config, label_smoothing)
    embeds = model.get_input_embeddings()(batch.input_ids)
    if config.method == "none":
        loss = _loss(model, embeds, batch, label_smoothing)
        loss.backward()
        return {"loss": loss.item()}
    if not embeds.requires_grad:
        embeds.requires_grad_()  # frozen embeddings are perturbed as well
    embeds.retain_grad()
    loss = _loss(model, embeds, batch, label_smoothing)
    loss.backward()
    delta = _scaled(embeds.grad, batch.attention_mask, config.epsilon)
    adversarial = _loss(model, model.get_input_embeddings()(batch.input_ids) + delta, batch, label_smoothing)
    adversarial.backward()
    return {"loss": loss.item(), "adversarial_loss": adversarial.item()}


def _freelb(model: Any, batch: LabelledBatch, config: AdversarialConfig, label_smoothing: float) -> dict[str, float]:
    """Gradients of the weights averaged over the ascent steps ("free" large-batch training)."""
    mask = batch.attention_mask.unsqueeze(-1)
    with torch.no_grad():
        delta = torch.empty_like(model.get_input_embeddings()(batch.input_ids)).uniform_(-1, 1) * mask
    delta = _scaled(delta, batch.attention_mask, config.epsilon / 2)
    losses = []
    for _ in range(config.ascent_steps):
        delta = delta.detach().requires_grad_()
        loss = _loss(model, model.get_input_embeddings()(batch.input_ids) + delta, batch, label_smoothing)
        (loss / config.ascent_steps).backward()
        losses.append(loss.item())
        moved = delta.detach() + _scaled(delta.grad, batch.attention_mask, config.step_size)
        norm = moved.flatten(1).norm(dim=1).clamp_min(1e-12)
        delta = moved * (config.epsilon / norm).clamp(max=1.0)[:, None, None]
    return {"loss": losses[0], "adversarial_loss": losses[-1]}


def _loss(model: Any, embeds: torch.Tensor, batch: LabelledBatch, label_smoothing: float) -> torch.Tensor:
    logits = model(inputs_embeds=embeds, attention_mask=batch.attention_mask).logits
    return cross_entropy(logits.float(), batch.labels, label_smoothing=label_smoothing)


def _scaled(direction: torch.Tensor | None, attention_mask: torch.Tensor, length: float) -> torch.Tensor:
    """The direction of each text at the given L2 length, zero at padding (batch, length, hidden)."""
    if direction is None:
        raise ConfigError("The loss has no gradient at the embeddings; adversarial training needs a model that reads inputs_embeds.")
    direction = direction.detach() * attention_mask.unsqueeze(-1)
    norm = direction.flatten(1).norm(dim=1).clamp_min(1e-12)
    scaled: torch.Tensor = length * direction / norm[:, None, None]
    return scaled
