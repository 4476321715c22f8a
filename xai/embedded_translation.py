"""The log-probability of target tokens as a function of embeddings, with its gradients; nothing is hooked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from models.errors import ModelError
from models.inference import cut_batches, halving
from models.progress import Progress, no_progress
from xai.forced_pair import ForcedPair, earlier
from xai.masking import describe_mask, mask_id, token_owners

BATCH_TOKENS = 2_048  # embedded tokens in one batch, source and target
BATCH_LOGITS = 2**25  # values that come out of one batch; large vocabularies get smaller batches
SAME_LOGITS = 1e-3  # nats by which embeddings may give another answer than the ids they stand for

Point = tuple[int, float]
"""A row and a share (0-1) of the way from its masked to its given embeddings."""
Reduction = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From gradient, embedding, and given less masked embedding (batch, length, hidden) to one value a position (batch, length)."""


class EmbeddedTranslation:
    """Log-probabilities of fixed target tokens anywhere between masked and given embeddings of source and prefix.

    Each row is one target token. On its way only source tokens and target tokens before it are masked; special tokens and its own
    earlier pieces are always given.

    Attributes:
        pair: The texts.
        rows: The explained target tokens.
        values, base_values: Log-probability in nats of each row with given and with masked embeddings (rows,).
        baseline: What stands for a missing token.
        evaluations: Pairs that went through the model so far.
    """

    def __init__(self, pair: ForcedPair, rows: Sequence[int], progress: Progress = no_progress) -> None:
        """Embeds and evaluates the texts.

        Raises:
            ModelError: The model answers embeddings otherwise than the ids they stand for.
        """
        self.pair, self.rows, self.evaluations, self.expected = pair, list(rows), 0, 0
        self.progress: Progress = no_progress
        self.baseline = describe_mask(pair.model.tokenizer)
        targets = len(pair.target.offsets)
        source_owner, target_owner = token_owners(pair.source), token_owners(pair.target)[:-1]
        self._members = [_members(source_owner, len(pair.source.offsets)), _members(target_owner, targets)]
        self._players = np.hstack([np.ones((len(self.rows), len(pair.source.offsets)), bool), earlier(self.rows, targets)])
        masked = (target_owner >= 0) & (target_owner < np.array(self.rows)[:, None])
        self._source_masked = torch.tensor(source_owner >= 0, device=pair.model.device)[None]
        self._target_masked = torch.tensor(masked, device=pair.model.device)
        self._given, self._differences, self._vocabulary = self._embed()
        points = [(number, share) for share in (1.0, 0.0) for number in range(len(self.rows))]
        self.values, self.base_values = self.evaluate(points).reshape(2, -1)
        self.progress = progress  # from here on, when the method has said how much there is to do

    def evaluate(self, points: Sequence[Point]) -> np.ndarray:
        """Log-probability in nats of each point's row (points,)."""
        return np.array(self._run(points, None))

    def differentiate(self, points: Sequence[Point], reduce: Reduction) -> np.ndarray:
        """What `reduce` makes of the gradient, summed for each token; 0 where a token cannot move the row (points, source + target)."""
        found = np.array(self._run(points, reduce))
        return np.asarray(found * self._players[[row for row, _ in points]])

    def _run(self, points: Sequence[Point], reduce: Reduction | None) -> list[Any]:
        """Results of the points in order; points of like length share a batch."""
        ends = [self.pair.target.positions[self.rows[row]][-1] for row, _ in points]
        lengths = [len(self.pair.source.input_ids) + end for end in ends]
        budget = min(BATCH_TOKENS, BATCH_LOGITS // self._vocabulary)
        results: dict[int, Any] = {}
        for batch in cut_batches(sorted(range(len(points)), key=lambda index: (lengths[index], points[index])), lengths, budget):
            found = halving(lambda part: self._batch(part, reduce), [points[index] for index in batch], lengths[batch[-1]])
            results.update(zip(batch, found, strict=True))
            self.evaluations += len(batch)
            self.progress(self.evaluations, max(self.expected, self.evaluations))
        return [results[index] for index in range(len(points))]

    def _batch(self, points: Sequence[Point], reduce: Reduction | None) -> list[Any]:
        """Log-probabilities, or token values (source + target,), of one batch."""
        rows = torch.tensor([row for row, _ in points], device=self.pair.model.device)
        shares = torch.tensor([share for _, share in points], device=rows.device)[:, None]
        end = max(self.pair.target.positions[self.rows[row]][-1] for row, _ in points)
        masks = (self._source_masked.expand(len(points), -1), self._target_masked[rows, :end])
        differences = [difference[: mask.shape[1]] * mask[..., None] for difference, mask in zip(self._differences, masks, strict=True)]
        embeddings = [given[: mask.shape[1]] - (1 - shares)[..., None] * difference
                      for given, mask, difference in zip(self._given, masks, differences, strict=True)]
        with self.pair.model.lock, torch.set_grad_enabled(reduce is not None):
            for embedding in embeddings:
                embedding.requires_grad_(reduce is not None)
            said = self._said(_logits(self.pair, *embeddings), [self.rows[row] for row, _ in points])
            if not torch.isfinite(said).all():
                raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
            if reduce is None:
                return said.tolist()
            gradients = torch.autograd.grad(said.sum(), embeddings)
        values = [reduce(gradient, embedding.detach(), difference).double().cpu().numpy()
                  for gradient, embedding, difference in zip(gradients, embeddings, differences, strict=True)]
        return list(np.hstack([value @ member[: value.shape[1]] for value, member in zip(values, self._members, strict=True)]))

    def _said(self, logits: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
        """Log-probability of a target token in each element of a batch (batch,), float64."""
        places = [(number, place) for number, token in enumerate(tokens) for place in self.pair.target.positions[token]]
        batch = torch.tensor([number for number, _ in places], device=logits.device)
        place = torch.tensor([place for _, place in places], device=logits.device)
        ids = torch.tensor(self.pair.target.input_ids, device=logits.device)
        said = logits[batch, place - 1].double().log_softmax(-1).gather(-1, ids[place, None]).squeeze(-1)
        return torch.zeros(len(tokens), dtype=torch.float64, device=logits.device).index_add(0, batch, said)

    def _embed(self) -> tuple[list[torch.Tensor], list[torch.Tensor], int]:
        """Given embeddings of source and decoder input (length, hidden), what they have over the mask token's, and the vocabulary's size.

        Whether a model scales what it looks up inside or outside the place where embeddings go in differs by model and side, so all
        that can be is tried, and what gives the same answer as the ids is taken.
        """
        model = self.pair.model
        mask = torch.tensor([mask_id(model.tokenizer)], device=model.device)
        with model.lock, torch.no_grad():
            ids = [torch.tensor(text.input_ids, device=model.device) for text in (self.pair.source, self.pair.target)]
            expected = model.model(input_ids=ids[0][None], decoder_input_ids=ids[1][None, :-1], use_cache=False).logits.log_softmax(-1)
            sides = [(model.model.get_encoder(), ids[0]), (model.model.get_decoder(), ids[1][:-1])]
            for scales in itertools.product(*({1.0, float(getattr(side, "embed_scale", 1.0))} for side, _ in sides)):
                looked_up = [tuple(scale * side.get_input_embeddings()(row) for row in (given, mask))
                             for scale, (side, given) in zip(scales, sides, strict=True)]
                said = _logits(self.pair, *(given[None] for given, _ in looked_up)).log_softmax(-1)
                if torch.allclose(said, expected, atol=SAME_LOGITS, rtol=0):
                    return [given for given, _ in looked_up], [given - masked for given, masked in looked_up], said.shape[-1]
        raise ModelError(f"{model.name} answers embeddings otherwise than the tokens they stand for; use a perturbation method such as shap.")


def _logits(pair: ForcedPair, inputs_embeds: torch.Tensor, decoder_inputs_embeds: torch.Tensor) -> torch.Tensor:
    """Logits (batch, target, vocabulary); nothing is padded, so both masks are ones."""
    masks = [torch.ones(embeds.shape[:2], dtype=torch.long, device=embeds.device) for embeds in (inputs_embeds, decoder_inputs_embeds)]
    logits: torch.Tensor = pair.model.model(
        inputs_embeds=inputs_embeds, attention_mask=masks[0], decoder_inputs_embeds=decoder_inputs_embeds, decoder_attention_mask=masks[1],
        use_cache=False,
    ).logits
    return logits


def _members(owners: np.ndarray, count: int) -> np.ndarray:
    """1 where a position belongs to a token, else 0 (positions, tokens)."""
    return np.asarray(owners[:, None] == np.arange(count), dtype=np.float64)
