"""FGM and FreeLB on a tiny classifier: length and place of the noise, and gradients against a computation by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from models.errors import ConfigError
from models.training.adversarial import AdversarialConfig, LabelledBatch, backward_adversarial

SMOOTHING = 0.1


@pytest.fixture
def model(tiny_bert_of: Callable[..., Any]) -> Any:
    """A classifier whose head is strong enough for its loss to depend on the text."""
    made = tiny_bert_of(60, seed=4)
    with torch.no_grad():
        made.classifier.weight.mul_(20)
    return made


@pytest.fixture
def batch() -> LabelledBatch:
    """Three texts of 6, 4 and 2 tokens."""
    input_ids = torch.randint(5, 60, (3, 6), generator=torch.Generator().manual_seed(2))
    attention_mask = (torch.arange(6) < torch.tensor([[6], [4], [2]])).long()
    return LabelledBatch(input_ids * attention_mask, attention_mask, torch.tensor([0, 1, 2]))


@contextmanager
def recorded(model: Any) -> Iterator[list[torch.Tensor]]:
    """The embedded texts of every forward pass inside, without position and type (batch, length, hidden)."""
    seen: list[torch.Tensor] = []
    hook = model.register_forward_pre_hook(lambda module, args, kwargs: seen.append(kwargs["inputs_embeds"].detach().clone()), with_kwargs=True)
    try:
        yield seen
    finally:
        hook.remove()


def embedded(model: Any, batch: LabelledBatch) -> torch.Tensor:
    return model.get_input_embeddings()(batch.input_ids)


def loss_at(model: Any, batch: LabelledBatch, embeds: torch.Tensor) -> torch.Tensor:
    return cross_entropy(model(inputs_embeds=embeds, attention_mask=batch.attention_mask).logits, batch.labels, label_smoothing=SMOOTHING)


def gradients(model: Any, *losses: torch.Tensor) -> dict[str, torch.Tensor]:
    """Sum of the gradients of the losses by name of the parameter."""
    names, values = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True)
    return dict(zip(names, torch.autograd.grad(sum(losses), values, allow_unused=True), strict=True))


def assert_gradients(model: Any, expected: dict[str, torch.Tensor]) -> None:
    for name, parameter in model.named_parameters():
        if name in expected and expected[name] is not None:
            assert torch.allclose(parameter.grad, expected[name], atol=1e-6, rtol=1e-4), name
        else:
            assert parameter.grad is None, name


def test_none_is_plain_training(model: Any, batch: LabelledBatch) -> None:
    expected = loss_at(model, batch, embedded(model, batch))
    by_hand = gradients(model, expected)
    assert backward_adversarial(model, batch, AdversarialConfig(), SMOOTHING) == pytest.approx({"loss": expected.item()})
    assert_gradients(model, by_hand)


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_fgm_noise_has_its_length_and_no_place_in_padding(model: Any, batch: LabelledBatch, epsilon: float) -> None:
    with recorded(model) as seen:
        backward_adversarial(model, batch, AdversarialConfig(method="fgm", epsilon=epsilon), SMOOTHING)
    plain, moved = seen
    delta = moved - plain
    assert torch.equal(plain, embedded(model, batch))
    assert delta.flatten(1).norm(dim=1).tolist() == pytest.approx([epsilon] * 3, rel=1e-4)
    assert delta[batch.attention_mask == 0].abs().max() == 0


def test_fgm_goes_up_the_gradient(model: Any, batch: LabelledBatch) -> None:
    embeds = embedded(model, batch).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_at(model, batch, embeds), embeds)
    gradient = gradient * batch.attention_mask.unsqueeze(-1)
    with recorded(model) as seen:
        losses = backward_adversarial(model, batch, AdversarialConfig(method="fgm", epsilon=0.002), SMOOTHING)
    expected = 0.002 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    assert torch.allclose(seen[1] - seen[0], expected, atol=1e-6)
    assert losses["adversarial_loss"] > losses["loss"]
    # To first order the loss rises by the gradient times the step.
    assert losses["adversarial_loss"] - losses["loss"] == pytest.approx((gradient * expected).sum().item(), rel=0.1)


def test_fgm_adds_the_gradient_at_the_perturbed_texts(model: Any, batch: LabelledBatch) -> None:
    with recorded(model) as seen:
        losses = backward_adversarial(model, batch, AdversarialConfig(method="fgm", epsilon=0.3), SMOOTHING)
    delta = seen[1] - seen[0]
    plain = loss_at(model, batch, embedded(model, batch))
    perturbed = loss_at(model, batch, embedded(model, batch) + delta)
    assert losses == pytest.approx({"loss": plain.item(), "adversarial_loss": perturbed.item()}, rel=1e-5)
    assert_gradients(model, gradients(model, plain, perturbed))


@pytest.mark.parametrize("method", ["fgm", "freelb"])
def test_frozen_embeddings_are_perturbed_but_not_trained(model: Any, batch: LabelledBatch, method: str) -> None:
    model.get_input_embeddings().weight.requires_grad_(False)
    with recorded(model) as seen:
        losses = backward_adversarial(model, batch, AdversarialConfig(method=method, epsilon=0.1), SMOOTHING)
    assert losses["adversarial_loss"] > losses["loss"]
    assert len(seen) == 2
    assert (seen[1] - seen[0])[batch.attention_mask == 1].abs().max() > 0
    assert model.get_input_embeddings().weight.grad is None
    assert model.classifier.weight.grad.abs().max() > 0


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_freelb_noise_stays_in_the_ball_and_out_of_padding(model: Any, batch: LabelledBatch, steps: int) -> None:
    settings = AdversarialConfig(method="freelb", epsilon=0.4, step_size=0.3, ascent_steps=steps)
    with recorded(model) as seen:
        backward_adversarial(model, batch, settings, SMOOTHING)
    deltas = [embeds - embedded(model, batch) for embeds in seen]
    assert len(deltas) == steps
    assert deltas[0].flatten(1).norm(dim=1).tolist() == pytest.approx([0.2] * 3, rel=1e-4)  # starts half-way out
    for delta in deltas:
        assert delta[batch.attention_mask == 0].abs().max() == 0
        assert delta.flatten(1).norm(dim=1).max() <= 0.4 * (1 + 1e-4)


@pytest.mark.parametrize("step_size", [0.05, 0.9])
def test_freelb_steps_and_projects(model: Any, batch: LabelledBatch, step_size: float) -> None:
    settings = AdversarialConfig(method="freelb", epsilon=0.4, step_size=step_size, ascent_steps=3)
    with recorded(model) as seen:
        losses = backward_adversarial(model, batch, settings, SMOOTHING)
    deltas = [embeds - embedded(model, batch).detach() for embeds in seen]
    for before, after in pairwise(deltas):
        leaf = before.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss_at(model, batch, embedded(model, batch).detach() + leaf), leaf)
        gradient = gradient * batch.attention_mask.unsqueeze(-1)
        moved = before + step_size * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
        norm = moved.flatten(1).norm(dim=1)[:, None, None]
        assert torch.allclose(after, torch.where(norm > 0.4, moved * 0.4 / norm, moved), atol=1e-5)
    assert losses["adversarial_loss"] > losses["loss"] + 1e-4


def test_freelb_averages_the_gradients_of_its_steps(model: Any, batch: LabelledBatch) -> None:
    with recorded(model) as seen:
        losses = backward_adversarial(model, batch, AdversarialConfig(method="freelb", ascent_steps=3), SMOOTHING)
    at = [loss_at(model, batch, embedded(model, batch) + (embeds - embedded(model, batch)).detach()) for embeds in seen]
    assert losses == pytest.approx({"loss": at[0].item(), "adversarial_loss": at[2].item()}, rel=1e-5)
    assert_gradients(model, gradients(model, *(loss / 3 for loss in at)))


def test_freelb_starts_from_the_seed(model: Any, batch: LabelledBatch) -> None:
    seen = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        with recorded(model) as embeds:
            backward_adversarial(model, batch, AdversarialConfig(method="freelb"), SMOOTHING)
        seen.append(embeds[0])
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


@pytest.mark.parametrize(("values", "sentence"), [
    ({"method": "pgd"}, r"adversarial method is 'pgd', expected none, fgm or freelb\."),
    ({"method": "freelb", "ascent_steps": 0}, r"adversarial ascent_steps is 0, expected 1 or more\."),
])
def test_settings_out_of_range_are_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        AdversarialConfig(**values)


def test_model_that_ignores_the_embeddings_is_refused(batch: LabelledBatch) -> None:
    class Deaf(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embeddings, self.bias = torch.nn.Embedding(60, 4), torch.nn.Parameter(torch.zeros(3, 3))

        def get_input_embeddings(self) -> torch.nn.Embedding:
            return self.embeddings

        def forward(self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return type("Output", (), {"logits": self.bias})

    with pytest.raises(ConfigError, match="needs a model that reads inputs_embeds"):
        backward_adversarial(Deaf(), batch, AdversarialConfig(method="fgm"), 0.0)
