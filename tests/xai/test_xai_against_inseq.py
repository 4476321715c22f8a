"""Gradients of translations against inseq (Sarti et al. 2023) on the same model and the very same ids.

A check for developers: inseq is no requirement of the project. It is run in an environment of its own, with
`pip install -r requirements-dev.txt inseq`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.loading import load_translator
from models.translator import Translator
from xai import TRANSLATION_METHODS, sequence_gradients
from xai.forced_pair import ForcedPair, explaining, force
from xai.masking import mask_id, token_owners
from xai.sequence_gradients import sequence_saliency

inseq = pytest.importorskip("inseq", reason="inseq is not installed; it is wanted for this check only")
pytestmark = pytest.mark.filterwarnings("ignore")  # what inseq and its requirements warn about is not ours

PAIRS = (("We drink tea in the garden today.", "今天我们在花园里喝茶。"), ("My brother bought two books.", "Mein Bruder hat zwei Bücher gekauft."))
STEPS = 64  # of integrated gradients, the same on both sides: ours are kept from cutting the path further


def log_probability(args: Any, **_: Any) -> torch.Tensor:
    """What is attributed: the log-probability of the given token."""
    logits = args.attribution_model.output2logits(args.forward_output)
    return logits.double().log_softmax(-1).gather(-1, args.target_ids.reshape(-1, 1)).squeeze(-1)


@pytest.fixture(scope="module", params=["m2m100", "bart"])
def translator(request: pytest.FixtureRequest, translator_checkpoints: Any) -> Translator:
    """Not marian: inseq scales the embeddings of its decoder, which scales them itself, and explains another model."""
    return load_translator(str(translator_checkpoints / request.param))


def theirs(pair: ForcedPair, method: str, aggregate: Any, settings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What inseq says of each token (target, source), (target, target), and the log-probabilities it explains (target,)."""
    from inseq.data import BatchEncoding

    inseq.register_step_function(log_probability, "log_probability", overwrite=True)
    wrapped = inseq.load_model(pair.model.model, method, tokenizer=pair.model.tokenizer, device="cpu")
    encoded = []
    for text in (pair.source, pair.target):
        ids, owners = torch.tensor([text.input_ids]), torch.tensor(token_owners(text))[None]
        baselines = torch.where(owners >= 0, mask_id(pair.model.tokenizer), ids)
        names = [pair.model.tokenizer.convert_ids_to_tokens(list(text.input_ids))]
        encoded.append(BatchEncoding(ids, torch.ones_like(ids), input_tokens=names, baseline_ids=baselines))
    outputs = wrapped.attribution_method.prepare_and_attribute(
        *encoded, attribute_target=True, attributed_fn="log_probability", step_scores=["log_probability"], show_progress=False,
        attr_pos_start=1, attribution_args=settings,
    )
    found = (outputs[0] if isinstance(outputs, list) else outputs).sequence_attributions[0]
    writers = [places[0] - 1 for places in pair.target.positions]
    by_position = aggregate(found.source_attributions).numpy(), np.nan_to_num(aggregate(found.target_attributions).numpy())
    source = np.array([[by_position[0][list(places), writer].sum() for places in pair.source.positions] for writer in writers])
    prefix = np.array([[by_position[1][list(places), writer].sum() for places in pair.target.positions] for writer in writers])
    return source, np.tril(prefix, -1), found.step_scores["log_probability"].numpy()[writers]


def compare(pair: ForcedPair, ours: Any, source: np.ndarray, prefix: np.ndarray, values: np.ndarray) -> None:
    """Within 1e-3 of the largest score of each row; rows of one id only, since inseq knows nothing of a token of several."""
    single = [row for row, places in enumerate(pair.target.positions) if len(places) == 1]
    assert len(single) > 3
    assert ours.values[single] == pytest.approx(values[single], abs=1e-4), "both explain the same log-probabilities"
    for mine, other in ((ours.source_scores, source), (ours.prefix_scores, prefix)):
        scale = np.abs(other[single]).max(1, keepdims=True)
        assert scale[1:].min() > 1e-4
        assert (np.abs(mine[single] - other[single]) <= 1e-3 * scale).all()


@pytest.mark.parametrize("texts", PAIRS, ids=["zh", "de"])
@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "integrated_gradients"])
def test_gradients_are_those_of_inseq(translator: Translator, method: str, texts: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_gradients, "RELATIVE_DELTA", np.inf)
    languages = {"source_language": "en", "target_language": "zh" if texts is PAIRS[0] else "de"}
    pair = force(translator, *texts, **languages)
    settings: dict[str, Any] = {"n_steps": STEPS} if method == "integrated_gradients" else {}
    explain = explaining(method, sequence_saliency) if method == "saliency" else TRANSLATION_METHODS[method]
    ours = explain(translator, *texts, **languages, **settings)

    def total(scores: torch.Tensor) -> torch.Tensor:
        return scores.norm(dim=-1) if method == "saliency" else scores.sum(-1)

    if settings:
        settings |= {"method": "gausslegendre", "internal_batch_size": 64}
    compare(pair, ours, *theirs(pair, method, total, settings))
