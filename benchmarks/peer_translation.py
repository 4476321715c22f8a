"""inseq's explanations of a translation (Sarti et al. 2023): the very ids that ours read, every target token, the prefix included."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from xai.forced_pair import ForcedPair
from xai.masking import mask_id, token_owners

LOG_PROBABILITY = "log_probability"


@dataclass(frozen=True)
class InseqScores:
    """What inseq says of our tokens.

    Attributes:
        source_scores, prefix_scores: As in SequenceAttribution (target, source) and (target, target).
        single: Target tokens of one id (rows,); inseq knows nothing of a token of several.
    """

    source_scores: np.ndarray
    prefix_scores: np.ndarray
    single: np.ndarray


class Inseq:
    """One of inseq's methods on a model; loading it changes the model's embeddings, so it is given one of its own."""

    def __init__(self, model: Any, tokenizer: Any, method: str) -> None:
        """Loads the method."""
        import inseq

        logging.getLogger("inseq").setLevel(logging.ERROR)
        inseq.register_step_function(_log_probability, LOG_PROBABILITY, overwrite=True)
        self.tokenizer = tokenizer
        self.wrapped: Any = inseq.load_model(model, method, tokenizer=tokenizer, device="cpu")

    def explain(self, pair: ForcedPair, **settings: Any) -> Any:
        """The attributions of all target tokens with the method's own settings, such as `n_steps`."""
        from inseq.data import BatchEncoding

        encoded = []
        for text in (pair.source, pair.target):
            ids, owners = torch.tensor([text.input_ids]), torch.tensor(token_owners(text))[None]
            baselines = torch.where(owners >= 0, mask_id(self.tokenizer), ids)
            names = [self.tokenizer.convert_ids_to_tokens(list(text.input_ids))]
            encoded.append(BatchEncoding(ids, torch.ones_like(ids), input_tokens=names, baseline_ids=baselines))
        outputs = self.wrapped.attribution_method.prepare_and_attribute(
            *encoded, attribute_target=True, attributed_fn=LOG_PROBABILITY, step_scores=[], show_progress=False, attr_pos_start=1,
            attribution_args=settings)
        return (outputs[0] if isinstance(outputs, list) else outputs).sequence_attributions[0]


def scores_by_token(found: Any, pair: ForcedPair) -> InseqScores:
    """Sums over embedding and over the places of each of our tokens."""
    writers = [places[0] - 1 for places in pair.target.positions]
    source, target = (np.nan_to_num(values.sum(-1).numpy()) if values.ndim > 2 else np.nan_to_num(values.numpy())
                      for values in (found.source_attributions, found.target_attributions))
    return InseqScores(
        source_scores=np.array([[source[list(places), writer].sum() for places in pair.source.positions] for writer in writers]),
        prefix_scores=np.tril([[target[list(places), writer].sum() for places in pair.target.positions] for writer in writers], -1),
        single=np.array([len(places) == 1 for places in pair.target.positions]))


def _log_probability(args: Any, **_: Any) -> torch.Tensor:
    logits = args.attribution_model.output2logits(args.forward_output)
    said: torch.Tensor = logits.double().log_softmax(-1).gather(-1, args.target_ids.reshape(-1, 1)).squeeze(-1)
    return said
