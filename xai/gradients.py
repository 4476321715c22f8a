"""Integrated gradients (Sundararajan et al. 2017) and input × gradient, by Captum on `inputs_embeds`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from models.classifier import Classifier
from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from models.tokens import TokenizedText, tokenize
from xai.attribution import Attribution
from xai.masking import mask_id, resolve_target

N_STEPS = 16  # on the whole path; on each half of a stretch that is cut, half as many
MAX_STEPS = 1_024  # on all stretches together
RELATIVE_DELTA = 0.01  # stretches are cut until |convergence_delta| is under this share of |value - base_value|
BATCH_TOKENS = 2_048  # embedded tokens in one batch of interpolated texts


class EmbeddedOutput:
    """The logit of one label as a function of the embedded tokens; nothing is hooked.

    Attributes:
        tokenized: The text.
        target: The explained label.
        inputs_embeds: Embeddings of the text (1, length, hidden).
        baselines: The same with the mask token at every place that is not special (1, length, hidden).
        value, base_value: The logit of both.
        evaluations: Texts that went through the model so far.
    """

    def __init__(self, model: Classifier, text: str, target: str | None, progress: Progress = no_progress) -> None:
        """Tokenizes, embeds and evaluates the text and its baseline.

        Raises:
            InputError: The text is empty or the target unknown.
        """
        self.model, self.progress, self.evaluations, self.expected = model, progress, 0, 0
        self.tokenized: TokenizedText = tokenize(model, text)
        ids = torch.tensor([self.tokenized.input_ids], device=model.device)
        special = torch.tensor([self.tokenized.special], device=model.device)
        with model.lock, torch.no_grad():
            embed = model.model.get_input_embeddings()
            self.inputs_embeds = embed(ids).detach()
            self.baselines = embed(torch.where(special, ids, mask_id(model.tokenizer))).detach()
        with torch.no_grad():
            logits = self._logits(torch.cat([self.inputs_embeds, self.baselines]))
        self.target = resolve_target(model, target, model.labels[int(logits[0].argmax())])
        self.column = model.labels.index(self.target)
        self.value, self.base_value = float(logits[0, self.column]), float(logits[1, self.column])

    def __call__(self, inputs_embeds: torch.Tensor) -> torch.Tensor:
        """The logit of the target (batch,)."""
        logits = self._logits(inputs_embeds)[:, self.column]
        self.progress(self.evaluations, max(self.expected, self.evaluations))
        return logits

    def between(self, share: float) -> torch.Tensor:
        """Embeddings a share (0-1) of the way from the baseline to the text (1, length, hidden)."""
        return torch.lerp(self.baselines, self.inputs_embeds, share)

    def token_scores(self, values: torch.Tensor) -> np.ndarray:
        """Values of the embedding (1, length, hidden) summed for each token (tokens,), float64."""
        by_position = values.detach().double().sum(-1)[0].cpu().numpy()
        return np.array([by_position[list(places)].sum() for places in self.tokenized.positions])

    def _logits(self, inputs_embeds: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(inputs_embeds.shape[:2], dtype=torch.long, device=inputs_embeds.device)
        with self.model.lock:
            logits: torch.Tensor = self.model.model(inputs_embeds=inputs_embeds, attention_mask=mask).logits
        if not torch.isfinite(logits).all():
            raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
        self.evaluations += len(inputs_embeds)
        return logits.float()


def explain_integrated_gradients(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress,
    n_steps: int = N_STEPS,
) -> Attribution:
    """Scores along the straight path from masked to given tokens; sum(scores) = value - base_value up to the delta.

    `n_steps` Gauss-Legendre steps go over the whole path. While the delta is not small, the stretch whose own delta is largest is
    cut in two, until MAX_STEPS are taken: a path bends in few places, and there the steps should be. Deterministic, so the seed has
    no effect.

    Raises:
        InputError: `n_steps` is out of range.
    """
    if not 2 <= n_steps <= MAX_STEPS:
        raise InputError(f"n_steps is {n_steps}, expected 2 to {MAX_STEPS} (the default is {N_STEPS}).")
    started = time.perf_counter()
    output = EmbeddedOutput(model, text, target, progress)
    difference = output.value - output.base_value
    output.expected = output.evaluations + n_steps
    stretches, steps, half = [_Stretch(output, 0.0, 1.0, n_steps, output.base_value, output.value)], n_steps, max(2, n_steps // 2)
    while abs(sum(stretch.delta for stretch in stretches)) > RELATIVE_DELTA * abs(difference) and steps + 2 * half <= MAX_STEPS:
        worst = max(stretches, key=lambda stretch: abs(stretch.delta))
        stretches.remove(worst)
        output.expected = output.evaluations + 2 * half + 1
        stretches += worst.halves(output, half)
        steps += 2 * half
    scores = np.sum([stretch.scores for stretch in stretches], axis=0)
    delta = float(scores.sum() - difference)
    return _attribution(output, scores, "integrated_gradients", started, delta, {"n_steps": steps, "baseline": "mask token", "seed": seed})


class _Stretch:
    """Integrated gradients along one stretch of the path; those of all stretches add up.

    Attributes:
        scores: Of the tokens (tokens,).
        delta: Sum of the scores less what the output changes along the stretch.
    """

    def __init__(self, output: EmbeddedOutput, start: float, end: float, steps: int, before: float, after: float) -> None:
        """Takes the steps; `before` and `after` are the outputs at both ends."""
        from captum.attr import IntegratedGradients

        self.start, self.end, self.before, self.after = start, end, before, after
        values = IntegratedGradients(output).attribute(
            output.between(end), baselines=output.between(start), n_steps=steps, method="gausslegendre",
            internal_batch_size=max(1, BATCH_TOKENS // output.inputs_embeds.shape[1]),
        )
        self.scores = output.token_scores(values)
        self.delta = float(self.scores.sum() - (after - before))

    def halves(self, output: EmbeddedOutput, steps: int) -> list[_Stretch]:
        """The same stretch in two."""
        middle = (self.start + self.end) / 2
        with torch.no_grad():
            value = float(output(output.between(middle))[0])
        return [_Stretch(output, self.start, middle, steps, self.before, value), _Stretch(output, middle, self.end, steps, value, self.after)]


def explain_input_x_gradient(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress
) -> Attribution:
    """Scores embedding · gradient of the logit (Shrikumar et al. 2016); not additive; the seed has no effect."""
    from captum.attr import InputXGradient

    started = time.perf_counter()
    output = EmbeddedOutput(model, text, target, progress)
    output.expected = output.evaluations + 1
    values = InputXGradient(output).attribute(output.inputs_embeds.clone().requires_grad_())
    return _attribution(output, output.token_scores(values), "input_x_gradient", started, None, {"seed": seed})


def _attribution(
    output: EmbeddedOutput, scores: np.ndarray, method: str, started: float, delta: float | None, parameters: dict[str, Any]
) -> Attribution:
    difference = abs(output.value - output.base_value)
    relative = {} if delta is None else {"relative_delta": abs(delta) / difference if difference else None}
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method=method, target=output.target, output="logit",
        value=output.value, base_value=output.base_value, convergence_delta=delta, evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters=parameters, diagnostics=relative,
        truncated_at=output.tokenized.truncated_at,
    )
