"""Other packages' explanations of classifiers, each set up as its own documentation shows, on the weights that ours are timed on."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from models.classifier import Classifier
from models.tokens import tokenize
from xai.masking import MaskedOutput, mask_id

NUM_FEATURES = 10  # lime's default
N_STEPS = 50  # Captum's default
MOST_STEPS = 1_600


class Peers:
    """The four packages on one checkpoint.

    Attributes:
        tokenizer: A fast tokenizer that reads a typed mask token as one; ours reads it as text.
    """

    def __init__(self, folder: str) -> None:
        """Loads the tokenizer; models are loaded when they are used first."""
        self._folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder, split_special_tokens=False)
        # as in XLM-R, else the space that shap puts before a mask would be a token more
        self.tokenizer.add_special_tokens({"mask_token": AddedToken(self.tokenizer.mask_token, lstrip=True, special=True)})

    @functools.cached_property
    def model(self) -> Any:
        """The weights in float32 with transformers' own choice of attention, as a person loads them."""
        return AutoModelForSequenceClassification.from_pretrained(self._folder, dtype=torch.float32).eval()

    @functools.cached_property
    def eager(self) -> Any:
        """The same with eager attention, without which there is none to show."""
        return AutoModelForSequenceClassification.from_pretrained(self._folder, dtype=torch.float32, attn_implementation="eager").eval()

    @functools.cached_property
    def pipe(self) -> Any:
        """The text-classification pipeline that shap and lime are given."""
        return pipeline("text-classification", model=self.model, tokenizer=self.tokenizer, top_k=None)

    @property
    def labels(self) -> list[str]:
        """Names of the classes in the order of the logits."""
        return [self.model.config.id2label[number] for number in range(self.model.config.num_labels)]

    def shap(self, text: str, *, max_evals: int = 500) -> Any:
        """`shap.Explainer(pipeline)([text])`; 500 evaluations is shap's default."""
        import shap

        return shap.Explainer(self.pipe)([text], max_evals=max_evals, silent=True)

    def lime(self, text: str, *, num_samples: int = 500) -> Any:
        """`LimeTextExplainer.explain_instance` over the pipeline; lime's default is 5,000 samples, the pipeline's one text a batch."""
        from lime.lime_text import LimeTextExplainer

        labels = self.labels

        def predict_proba(texts: list[str]) -> np.ndarray:
            found = [{one["label"]: one["score"] for one in said} for said in self.pipe(texts)]
            return np.array([[said[label] for label in labels] for said in found])

        return LimeTextExplainer(class_names=labels).explain_instance(text, predict_proba, num_features=NUM_FEATURES, num_samples=num_samples)

    def layer_integrated_gradients(self, ids: torch.Tensor, baselines: torch.Tensor, target: int, n_steps: int) -> tuple[np.ndarray, float]:
        """Captum's scores (length,) and delta on the embedding layer, as in its tutorial on BERT."""
        from captum.attr import LayerIntegratedGradients

        def logits(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
            return said

        attributions, delta = LayerIntegratedGradients(logits, self.model.get_input_embeddings()).attribute(
            inputs=ids, baselines=baselines, target=target, additional_forward_args=torch.ones_like(ids), n_steps=n_steps,
            return_convergence_delta=True)
        return attributions.sum(-1).squeeze(0).detach().double().numpy(), float(delta)

    def attention(self, text: str) -> tuple[list[str], Any]:
        """Tokens, and the weights (layers, heads, query, key) as bertviz makes them ready to be drawn."""
        from bertviz.util import format_attention

        tokens, attentions = self._attentions(text)
        return tokens, format_attention(attentions)

    def head_view(self, text: str) -> str:
        """The page bertviz makes for one text, from the text on."""
        from bertviz import head_view

        tokens, attentions = self._attentions(text)
        return str(head_view(attentions, tokens, html_action="return").data)

    def _attentions(self, text: str) -> tuple[list[str], Any]:
        inputs = self.tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            attentions = self.eager(**inputs, output_attentions=True).attentions
        return self.tokenizer.convert_ids_to_tokens(inputs["input_ids"][0]), attentions


class CaptumPath:
    """The path of our integrated gradients for one text, for Captum: same ids, same baseline, same target.

    Attributes:
        n_steps: Captum's default, doubled until its delta is within the bound.
        scores: Captum's of our tokens (tokens,).
        relative_delta: Its delta as a share of what is explained.
    """

    def __init__(self, peers: Peers, handle: Classifier, text: str, target: str, *, bound: float) -> None:
        """Looks for the steps."""
        tokenized = tokenize(handle, text)
        self.peers, self.column = peers, handle.labels.index(target)
        self.ids = torch.tensor([tokenized.input_ids])
        self.baselines = torch.where(torch.tensor([tokenized.special]), self.ids, mask_id(handle.tokenizer))
        with torch.no_grad():
            said = self.peers.model(input_ids=torch.cat([self.ids, self.baselines])).logits[:, self.column]
        self.n_steps = N_STEPS
        while True:
            by_position, delta = self.run()
            self.relative_delta = abs(delta) / float((said[0] - said[1]).abs())
            if self.relative_delta <= bound or self.n_steps >= MOST_STEPS:
                break
            self.n_steps *= 2
        self.scores = np.array([by_position[list(places)].sum() for places in tokenized.positions])

    def run(self) -> tuple[np.ndarray, float]:
        """Captum's scores (length,) and delta with these steps."""
        return self.peers.layer_integrated_gradients(self.ids, self.baselines, self.column, self.n_steps)


def partition_explainer(handle: Classifier, text: str, target: str, *, max_evals: int, tree: np.ndarray, batch_size: int) -> np.ndarray:
    """Values of our tokens (tokens,) by `shap.PartitionExplainer` with our tokens, our tree and our masks."""
    from shap import PartitionExplainer

    from benchmarks.shap_masker import TokenMasker

    output = MaskedOutput(handle, text, target)
    masker: Any = TokenMasker(tree, len(tree) + 1)
    return np.asarray(PartitionExplainer(output, masker)(np.arange(len(tree) + 1)[None], max_evals=max_evals, batch_size=batch_size, silent=True).values[0])


def lime_weights(handle: Classifier, text: str, target: str, *, num_samples: int, seed: int) -> np.ndarray:
    """Weights of our tokens (tokens,) by `LimeTextExplainer` where a sample masks our tokens and reads what ours reads."""
    from lime.lime_text import LimeTextExplainer

    output = MaskedOutput(handle, text, target)
    count = len(output.tokenized.offsets)

    def predict_proba(samples: list[str]) -> np.ndarray:
        said = output(np.array([[piece != "_" for piece in sample.split(" ")] for sample in samples]))
        return np.column_stack([1 - said, said])

    explainer = LimeTextExplainer(bow=False, mask_string="_", split_expression=" ", feature_selection="none", random_state=np.random.RandomState(seed))
    found = explainer.explain_instance(" ".join(map(str, range(count))), predict_proba, num_features=count, num_samples=num_samples)
    weights = np.zeros(count)
    for feature, weight in found.as_map()[1]:
        weights[feature] = weight
    return weights
