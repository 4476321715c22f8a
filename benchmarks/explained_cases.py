"""What is timed: one explanation of one text by a peer and by ours, the bare passes ours spends, and how far the values are from a second source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSeq2SeqLM

from benchmarks.passes import Pass, recording, whole_batches, whole_pairs
from benchmarks.peer_translation import Inseq, scores_by_token
from benchmarks.peers import CaptumPath, Peers, lime_weights, partition_explainer
from models.classifier import Classifier
from models.tokens import tokenize
from models.translator import Translator
from xai import METHODS, TRANSLATION_METHODS, attention, cross_attention, sequence_gradients
from xai.attention_view import classifier_block, view_data
from xai.forced_pair import ForcedPair, force
from xai.shap_values import MAX_EVALS, SHAP_BATCH, partition_tree

NUM_SAMPLES = 500
N_STEPS = 32  # of integrated gradients of translations, the same on both sides
DELTA = 0.01  # share of what is explained, within which both sides' integrated gradients must add up
PEERS = {"shap": "shap", "lime": "lime", "integrated_gradients": "captum", "attention": "bertviz", "attention, drawn": "bertviz"}


@dataclass(frozen=True)
class Case:
    """One text under one method.

    Attributes:
        peer, ours: One explanation.
        floor: The passes of ours; of a translation as many forward passes of the whole text as ours counts, a way back being one.
        settings: What either side was asked for.
        difference: Largest difference of our values to the second source, as a share of the largest value.
    """

    peer: Callable[[], Any]
    ours: Callable[[], Any]
    floor: list[Pass]
    settings: dict[str, Any]
    difference: Callable[[], float]

    def run_floor(self) -> None:
        """The bare passes."""
        for one in self.floor:
            one.run()


def shap_case(handle: Classifier, peers: Peers, text: str) -> Case:
    """`shap.Explainer(pipeline)` with its own budget; values against shap's PartitionExplainer on our tokens, tree and masks."""
    found, passes = _recorded(handle, lambda: METHODS["shap"](handle, text))
    tree = partition_tree(found.word_ids)

    def difference() -> float:
        return _apart(found.scores, partition_explainer(handle, text, found.target, max_evals=MAX_EVALS, tree=tree, batch_size=SHAP_BATCH))

    return Case(lambda: peers.shap(text, max_evals=MAX_EVALS), lambda: METHODS["shap"](handle, text), whole_batches(handle, passes),
                {"max_evals": MAX_EVALS, "different_rows": found.evaluations}, difference)


def lime_case(handle: Classifier, peers: Peers, text: str) -> Case:
    """`LimeTextExplainer` over the pipeline; values against the same class where its samples mask our tokens."""
    found, passes = _recorded(handle, lambda: METHODS["lime"](handle, text, num_samples=NUM_SAMPLES))
    return Case(lambda: peers.lime(text, num_samples=NUM_SAMPLES), lambda: METHODS["lime"](handle, text, num_samples=NUM_SAMPLES),
                whole_batches(handle, passes), {"num_samples": NUM_SAMPLES, "different_rows": found.evaluations},
                lambda: _apart(found.scores, lime_weights(handle, text, found.target, num_samples=NUM_SAMPLES, seed=0)))


def integrated_gradients_case(handle: Classifier, peers: Peers, text: str) -> Case:
    """Captum's LayerIntegratedGradients with as many steps as its delta needs; values against the same path."""
    found, passes = _recorded(handle, lambda: METHODS["integrated_gradients"](handle, text))
    path = CaptumPath(peers, handle, text, found.target, bound=DELTA)
    settings = {"n_steps": path.n_steps, "relative_delta": path.relative_delta, "our_steps": found.parameters["n_steps"],
                "our_relative_delta": found.diagnostics["relative_delta"], "correlation": float(np.corrcoef(path.scores, found.scores)[0, 1])}
    return Case(path.run, lambda: METHODS["integrated_gradients"](handle, text), passes, settings, lambda: _apart(found.scores, path.scores))


def attention_case(handle: Classifier, peers: Peers, text: str) -> Case:
    """The weights ready to be drawn; the floor is a bare forward pass."""
    tokenized = tokenize(handle, text)
    ids = torch.tensor([tokenized.input_ids])
    floor = [Pass(handle.model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, False)]

    def difference() -> float:
        """Weights of the tokens that are one place of the model in ours too."""
        weights, given = attention.maps(handle, text).weights, peers.attention(text)[1].numpy()
        return _apart(weights, given) if weights.shape == given.shape else float("nan")

    return Case(lambda: peers.attention(text), lambda: attention.maps(handle, text), floor, {"places": len(tokenized.input_ids)}, difference)


def drawn_attention_case(handle: Classifier, peers: Peers, text: str) -> Case:
    """What the browser is given, from the text on."""
    case = attention_case(handle, peers, text)
    return Case(lambda: peers.head_view(text), lambda: view_data([classifier_block(attention.maps(handle, text))]), case.floor, case.settings, case.difference)


CLASSIFIER_CASES = {"shap": shap_case, "lime": lime_case, "integrated_gradients": integrated_gradients_case, "attention": attention_case,
                    "attention, drawn": drawn_attention_case}


class TranslationCases:
    """The cases of a translator; inseq gets models of its own, since it changes their embeddings."""

    def __init__(self, handle: Translator, folder: str) -> None:
        """Keeps the translator and the folder of its weights."""
        self.handle, self.folder = handle, folder
        self.wrapped: dict[str, Inseq] = {}

    def build(self, method: str, text: str, source_language: str, target_language: str) -> Case:
        """One of METHODS; the model's own translation is forced on both sides."""
        pair = force(self.handle, text, source_language=source_language, target_language=target_language)
        name, theirs, settings = METHODS_OF_BOTH[method]
        if method not in self.wrapped:
            model = AutoModelForSeq2SeqLM.from_pretrained(self.folder, dtype=torch.float32, attn_implementation="eager").eval()
            self.wrapped[method] = Inseq(model, self.handle.tokenizer, method)

        def explain() -> Any:
            languages = {"source_language": source_language, "target_language": target_language}
            if name == "cross_attention":
                return cross_attention.maps(self.handle, pair.source.text, pair.target.text, **languages)
            return TRANSLATION_METHODS[name](self.handle, pair.source.text, pair.target.text, **languages, **settings)

        found = explain()
        passes = whole_pairs(pair, getattr(found, "evaluations", 1))
        peer = self.wrapped[method]
        size = {"source": len(pair.source.input_ids), "target": len(pair.target.input_ids)}
        return Case(lambda: peer.explain(pair, **theirs), explain, passes, {**settings, **size},
                    lambda: _inseq_apart(method, peer.explain(pair, **theirs), pair, found))


METHODS_OF_BOTH: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "integrated_gradients": ("integrated_gradients", {"n_steps": N_STEPS, "method": "gausslegendre"}, {"n_steps": N_STEPS}),
    "input_x_gradient": ("input_x_gradient", {}, {}),
    "occlusion": ("occlusion", {}, {}),
    "attention": ("cross_attention", {}, {}),
}
"""inseq's name of a method, our name, its settings, ours."""


def equal_steps() -> None:
    """Keeps our integrated gradients of translations from cutting a path further, which inseq cannot."""
    sequence_gradients.RELATIVE_DELTA = float("inf")


def _inseq_apart(method: str, said: Any, pair: ForcedPair, found: Any) -> float:
    """Largest difference over target tokens of one id; weights of attention where every token is one."""
    if method == "attention":
        weights = np.moveaxis(said.source_attributions.numpy(), (0, 1, 2, 3), (3, 2, 0, 1))
        places = [places[0] for places in pair.source.positions]
        writers = [places[0] - 1 for places in pair.target.positions]
        alone = all(len(places) == 1 for places in (*pair.source.positions, *pair.target.positions))
        return _apart(found.weights, weights[:, :, writers][..., places]) if alone else float("nan")
    theirs = scores_by_token(said, pair)
    change = np.abs if method == "occlusion" else np.asarray  # inseq drops the sign
    return max(_apart(change(mine)[theirs.single], other[theirs.single])
               for mine, other in ((found.source_scores, theirs.source_scores), (found.prefix_scores, theirs.prefix_scores)))


def _recorded(handle: Any, explain: Callable[[], Any]) -> tuple[Any, list[Pass]]:
    with recording(handle) as passes:
        found = explain()
    return found, passes


def _apart(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
