"""Teacher-forced scores of given translations and beam search for new ones, both in batches of like length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from models.errors import InputError, ModelError
from models.inference import EvaluatedHandle, Row, cut_batches, halving, padded
from models.progress import Progress, no_progress

TOKEN_BUDGET = 2_048  # source and target tokens in one batch, each with all its beams
SCORING_BUDGET = 4_096  # the same without beams


@dataclass(frozen=True)
class DecodingConfig:
    """How translations are searched for; the page and the command line use the same defaults."""

    num_beams: int = 4
    alternatives: int = 3  # hypotheses returned for each source, at most num_beams
    length_penalty: float = 1.0  # exponent of the length by which a score is divided
    growth: float = 2.0  # most target tokens for each source token …
    allowance: int = 20  # … plus these

    def __post_init__(self) -> None:
        """Raises InputError for values out of range."""
        if not 1 <= self.num_beams <= 16:
            raise InputError(f"num_beams is {self.num_beams}, expected 1 to 16.")
        if not 1 <= self.alternatives <= self.num_beams:
            raise InputError(f"alternatives is {self.alternatives}, expected 1 to num_beams ({self.num_beams}).")

    @classmethod
    def best(cls, num_beams: int = 4) -> DecodingConfig:
        """The same search for tables, where only the best hypothesis of each source is kept: it is the one that comes first with alternatives, too."""
        return cls(num_beams, 1)

    def room(self, source_length: int, positions: int) -> int:
        """Most new tokens for a source, within the positions of the model."""
        return max(1, min(positions - 2, int(self.growth * source_length) + self.allowance))


def score_targets(
    handle: EvaluatedHandle, pairs: Sequence[tuple[Row, Row]], *, decoder_inputs: Sequence[Row] | None = None,
    token_budget: int = SCORING_BUDGET, progress: Progress = no_progress,
) -> list[np.ndarray]:
    """Log-probability in nats of every token of each given target, in one pass a target; one float64 array (target - start) a pair.

    Equal pairs are evaluated once, pairs of like length share a batch, and the encoder runs once for each distinct source of a batch.

    Args:
        handle: Model, tokenizer, lock and device.
        pairs: Source ids with special tokens, and target ids from the decoder's start token to the end token.
        decoder_inputs: What the decoder is given in the place of each target, as long as the target, where some of its tokens are
            hidden; what is scored stays the target.
        token_budget: Most padded tokens in one batch.
        progress: Called with (evaluations done, unique evaluations); may raise Cancelled.

    Raises:
        ModelError: The model gives NaN or infinite values.
    """
    numbers: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], int] = {}
    given = [target for _, target in pairs] if decoder_inputs is None else decoder_inputs
    places = [numbers.setdefault((tuple(source), tuple(target), tuple(seen)), len(numbers))
              for (source, target), seen in zip(pairs, given, strict=True)]
    unique = list(numbers)
    lengths = [len(source) + len(target) for source, target, _ in unique]
    results: dict[int, np.ndarray] = {}
    for batch in cut_batches(sorted(range(len(unique)), key=lambda index: (lengths[index], unique[index])), lengths, token_budget):
        rows = halving(lambda part: _score(handle, part), [unique[index] for index in batch], max(lengths[index] for index in batch))
        for index, values in zip(batch, rows, strict=True):
            if not np.isfinite(values).all():
                raise ModelError("The model gives values that are not numbers (NaN or infinite); its weights are broken, load another one.")
            results[index] = values
        progress(len(results), len(unique))
    return [results[place] for place in places]


def search(
    handle: EvaluatedHandle, sources: Sequence[Row], config: DecodingConfig, *, positions: int, prefix: int | None = None,
    progress: Progress = no_progress,
) -> list[list[list[int]]]:
    """The best hypotheses of each source by beam search: `config.alternatives` lists of ids without start and end.

    Equal sources are decoded once. Only sources of one length share a batch: nothing is padded, all have the same most tokens, and so
    a table gets the very translations that its sentences get one by one.

    Args:
        handle: Model, tokenizer, lock and device.
        sources: Source ids with special tokens.
        config: Width of the beam, number of alternatives and limits of length.
        positions: Positions of the model's decoder.
        prefix: Token that every hypothesis must begin with (the language token of some models); it is not returned.
        progress: Called with (sources done, distinct sources); may raise Cancelled between batches.
    """
    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(row), len(numbers)) for row in sources]
    unique = list(numbers)
    found: dict[int, list[list[int]]] = {}
    for length, group in groupby(sorted(range(len(unique)), key=lambda index: len(unique[index])), key=lambda index: len(unique[index])):
        cost = length + config.room(length, positions)
        for batch in cut_batches(list(group), [cost] * len(unique), TOKEN_BUDGET):
            rows = halving(lambda part: _beams(handle, part, config, positions, prefix), [unique[index] for index in batch], length)
            found.update(zip(batch, rows, strict=True))
            progress(len(found), len(unique))
    return [found[place] for place in places]


def _score(handle: EvaluatedHandle, rows: Sequence[tuple[Row, Row, Row]]) -> list[np.ndarray]:
    """Log-probabilities of one batch of (source, target, what the decoder is given); the encoder sees each distinct source once."""
    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(source), len(numbers)) for source, _, _ in rows]
    input_ids, mask = padded(handle, list(numbers))
    targets, target_mask = padded(handle, [target for _, target, _ in rows])
    given, _ = padded(handle, [seen for _, _, seen in rows])
    with handle.lock, torch.inference_mode():
        encoder = handle.model.get_encoder()(input_ids=input_ids, attention_mask=mask)
        chosen = torch.tensor(places, device=handle.device)
        encoder.last_hidden_state, mask = encoder.last_hidden_state[chosen], mask[chosen]
        logits = handle.model(encoder_outputs=encoder, attention_mask=mask, decoder_input_ids=given[:, :-1],
                              decoder_attention_mask=target_mask[:, :-1], use_cache=False).logits
        said = logits.double().log_softmax(-1).gather(-1, targets[:, 1:, None]).squeeze(-1)
    return [row[: len(target) - 1] for row, (_, target, _) in zip(said.cpu().numpy(), rows, strict=True)]


def _beams(
    handle: EvaluatedHandle, rows: Sequence[Row], config: DecodingConfig, positions: int, prefix: int | None
) -> list[list[list[int]]]:
    """Hypotheses of one batch."""
    input_ids, mask = padded(handle, rows)
    settings: dict[str, Any] = {} if prefix is None else {"forced_bos_token_id": prefix}
    with handle.lock, torch.inference_mode():
        output = handle.model.generate(
            input_ids=input_ids, attention_mask=mask, num_beams=config.num_beams, num_return_sequences=config.alternatives,
            max_new_tokens=config.room(len(rows[0]), positions), length_penalty=config.length_penalty, do_sample=False,
            early_stopping=False, **settings,
        )
    special = set(handle.tokenizer.all_special_ids) - {handle.tokenizer.unk_token_id}
    hypotheses = [[number for number in row if number not in special] for row in output.tolist()]
    return [hypotheses[start : start + config.alternatives] for start in range(0, len(hypotheses), config.alternatives)]
