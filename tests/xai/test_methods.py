"""Invariants that hold for every model and method, and second sources for the numbers."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from lime.lime_text import LimeTextExplainer

from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.loading import load_classifier
from tests.conftest import TEXTS
from xai import METHODS, gradients
from xai.lime_values import explain_lime
from xai.masking import MaskedOutput
from xai.shap_values import explain_shap, partition_tree

HARD_TEXTS = (*TEXTS, "😀", "👨‍👩‍👧‍👦🎉 ok", "好", "a\u200db", "\u202eabc", "x" * 3000, "[MASK] </s> <0x41>")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_every_method_explains_exactly_the_shown_text(tiny_classifier: Classifier, method: str, text: str) -> None:
    result = METHODS[method](tiny_classifier, text, **({"num_samples": 40} if method == "lime" else {}))
    assert result.method == method
    assert result.target == tiny_classifier.predict([text])[0].label
    assert all(result.text[start:end] == token for (start, end), token in zip(result.offsets, result.tokens, strict=True))
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(result.offsets))
    assert result.evaluations > 0 and result.seconds > 0
    assert result.words().scores.sum() == pytest.approx(result.scores.sum())


@pytest.mark.parametrize("text", TEXTS)
def test_shap_adds_up(tiny_classifier: Classifier, text: str) -> None:
    result = explain_shap(tiny_classifier, text, "negative")
    assert result.scores.sum() == pytest.approx(result.value - result.base_value, abs=1e-6)
    probability = tiny_classifier.predict([text])[0].probabilities["negative"]
    assert result.value == pytest.approx(probability, abs=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_integrated_gradients_are_complete(tiny_classifier: Classifier, text: str) -> None:
    result = METHODS["integrated_gradients"](tiny_classifier, text)
    difference = result.value - result.base_value
    assert abs(result.convergence_delta) <= 0.01 * abs(difference)
    assert result.scores.sum() == pytest.approx(difference, abs=0.01 * abs(difference))


def owen_values(output: Any, tree: np.ndarray, count: int) -> np.ndarray:
    """Owen values by their definition: each node's two children, with every sibling on the way up in or out."""
    children = {count + row: (int(left), int(right)) for row, (left, right, *_) in enumerate(tree)}
    leaves: dict[int, list[int]] = {leaf: [leaf] for leaf in range(count)}
    for node, (left, right) in children.items():
        leaves[node] = leaves[left] + leaves[right]
    values = np.zeros(count)

    def worth(members: frozenset[int]) -> float:
        return float(output(np.isin(np.arange(count), list(members))[None])[0])

    def walk(node: int, contexts: list[tuple[frozenset[int], float]]) -> None:
        if node < count:
            values[node] = sum(weight * (worth(context | {node}) - worth(context)) for context, weight in contexts)
            return
        left, right = children[node]
        for child, other in ((left, right), (right, left)):
            walk(child, [pair for context, weight in contexts
                         for pair in ((context, weight / 2), (context | frozenset(leaves[other]), weight / 2))])

    walk(count + len(tree) - 1, [(frozenset(), 1.0)])
    return values


def test_shap_equals_owen_values_by_definition(tiny_classifier: Classifier) -> None:
    text = "Meine Oma sagt ok"
    result = explain_shap(tiny_classifier, text, "positive", max_evals=4000)
    output = MaskedOutput(tiny_classifier, text, "positive")
    expected = owen_values(output, partition_tree(result.word_ids), len(result.tokens))
    assert result.scores == pytest.approx(expected, abs=1e-6)


def test_shap_with_a_small_budget_still_adds_up(tiny_bert: Classifier) -> None:
    result = explain_shap(tiny_bert, TEXTS[0], max_evals=10)
    assert result.scores.sum() == pytest.approx(result.value - result.base_value, abs=1e-6)


def test_lime_equals_lime(tiny_bert: Classifier) -> None:
    """The same neighbours through lime's own text explainer give the same weights."""
    text = "The film was not bad"
    own = explain_lime(tiny_bert, text, "positive", seed=3, num_samples=200)
    output = MaskedOutput(tiny_bert, text, "positive")
    position = {token: number for number, token in enumerate(own.tokens)}
    assert len(position) == len(own.tokens)
    asked: list[list[str]] = []

    def predict(samples: list[str]) -> np.ndarray:
        asked.extend(sample.split("␟") for sample in samples)
        kept = np.array([[token in sample.split("␟") for token in own.tokens] for sample in samples])
        p = output(kept)
        return np.column_stack([1 - p, p])

    explainer = LimeTextExplainer(split_expression=lambda joined: joined.split("␟"), bow=False, mask_string="",
                                  random_state=np.random.RandomState(3), feature_selection="none")
    joined = "␟".join(own.tokens)
    theirs = explainer.explain_instance(joined, predict, labels=(1,), num_features=len(own.tokens), num_samples=200)
    weights = dict(theirs.as_list(label=1))
    assert own.scores == pytest.approx([weights[token] for token in own.tokens], abs=1e-6)
    assert own.diagnostics["r_squared"] == pytest.approx(theirs.score[1] if isinstance(theirs.score, dict) else theirs.score, abs=1e-6)


def test_lime_is_seeded(tiny_bert: Classifier) -> None:
    first, again, other = (explain_lime(tiny_bert, TEXTS[0], seed=seed, num_samples=60) for seed in (1, 1, 2))
    assert np.array_equal(first.scores, again.scores)
    assert not np.array_equal(first.scores, other.scores)


def test_occlusion_equals_masking_by_hand(tiny_bert: Classifier) -> None:
    result = METHODS["occlusion"](tiny_bert, "not bad", "positive")
    encoded = tiny_bert.tokenizer("not bad", return_tensors="pt", return_offsets_mapping=True, return_special_tokens_mask=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"][0].tolist()
    column = tiny_bert.labels.index("positive")

    def probability(row: torch.Tensor) -> float:
        with torch.no_grad():
            return float(tiny_bert.model(input_ids=row).logits.softmax(-1)[0, column])

    for (start, end), score in zip(result.offsets, result.scores, strict=True):
        masked = ids.clone()
        for place, (a, b) in enumerate(offsets):
            if not encoded["special_tokens_mask"][0, place] and start <= max(a, start) < b <= end:
                masked[0, place] = tiny_bert.tokenizer.mask_token_id
        assert score == pytest.approx(probability(ids) - probability(masked), abs=1e-6)


def test_input_x_gradient_by_hand(tiny_bert: Classifier) -> None:
    result = METHODS["input_x_gradient"](tiny_bert, "not bad", "neutral")
    ids = tiny_bert.tokenizer("not bad", return_tensors="pt")["input_ids"]
    embeds = tiny_bert.model.get_input_embeddings()(ids).detach().requires_grad_()
    tiny_bert.model(inputs_embeds=embeds).logits[0, tiny_bert.labels.index("neutral")].backward()
    by_hand = (embeds * embeds.grad).sum(-1)[0, 1:-1]
    assert result.scores.sum() == pytest.approx(float(by_hand.detach().sum()), abs=1e-5)


def test_integrated_gradients_against_a_riemann_sum(tiny_bert: Classifier) -> None:
    result = METHODS["integrated_gradients"](tiny_bert, "not bad", "neutral")
    ids = torch.tensor(tiny_bert.tokenizer("not bad")["input_ids"])
    masked = ids.clone()
    masked[1:-1] = tiny_bert.tokenizer.mask_token_id
    embed = tiny_bert.model.get_input_embeddings()
    end, start = embed(ids[None]).detach(), embed(masked[None]).detach()
    steps = 500
    alphas = (torch.arange(steps) + 0.5) / steps
    path = (start + alphas[:, None, None] * (end - start)).requires_grad_()
    tiny_bert.model(inputs_embeds=path).logits[:, tiny_bert.labels.index("neutral")].sum().backward()
    expected = ((end - start) * path.grad.mean(0, keepdim=True)).sum(-1)[0, 1:-1]
    assert result.scores.sum() == pytest.approx(float(expected.sum()), abs=1e-4)


def test_stretches_add_up_to_the_whole_path(tiny_bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps are too few, so the path is cut; 512 steps at once are the second source."""
    whole = METHODS["integrated_gradients"](tiny_bert, TEXTS[0], "neutral", n_steps=512)
    monkeypatch.setattr(gradients, "RELATIVE_DELTA", 1e-4)
    cut = METHODS["integrated_gradients"](tiny_bert, TEXTS[0], "neutral", n_steps=2)
    assert 2 < cut.parameters["n_steps"] < 512 == whole.parameters["n_steps"]
    assert cut.convergence_delta is not None
    assert abs(cut.convergence_delta) <= 1e-4 * abs(cut.value - cut.base_value)
    assert cut.scores == pytest.approx(whole.scores, abs=2e-3 * np.abs(whole.scores).max())


@pytest.mark.parametrize("method", METHODS)
def test_shuffled_weights_change_the_attribution(tiny_checkpoints: Any, method: str) -> None:
    """Sanity check of Adebayo et al. (2018): an explanation that ignores the weights explains nothing."""
    model = load_classifier(str(tiny_checkpoints / "bert"))
    before = METHODS[method](model, TEXTS[0], "positive")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.model.parameters():
            value.copy_(value.flatten()[torch.randperm(value.numel(), generator=generator)].view_as(value))
    after = METHODS[method](model, TEXTS[0], "positive")
    change = np.abs(before.scores - after.scores).max()
    assert change > 1e-3 * np.abs(before.scores).max()


@pytest.mark.parametrize("method", METHODS)
def test_bad_input_gets_one_sentence(tiny_bert: Classifier, method: str) -> None:
    with pytest.raises(InputError, match="The text is empty"):
        METHODS[method](tiny_bert, " \n ")
    with pytest.raises(InputError, match="'angry' is not a label of bert; its labels are negative, neutral, positive"):
        METHODS[method](tiny_bert, "ok", "angry")


@pytest.mark.parametrize(("method", "setting"), [("shap", "max_evals"), ("lime", "num_samples"), ("integrated_gradients", "n_steps")])
def test_settings_out_of_range(tiny_bert: Classifier, method: str, setting: str) -> None:
    with pytest.raises(InputError, match=f"{setting} is 1, expected"):
        METHODS[method](tiny_bert, "ok", **{setting: 1})


@pytest.mark.parametrize("method", ["shap", "lime", "integrated_gradients", "occlusion"])
def test_progress_can_cancel(tiny_bert: Classifier, method: str) -> None:
    calls = 0

    def stop(done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        assert 0 <= done <= total
        if calls == 2:
            raise Cancelled("stop")

    text = " ".join(TEXTS[:2])
    if method in ("occlusion", "integrated_gradients"):
        calls = 1  # all of it fits into one batch
    with pytest.raises(Cancelled):
        METHODS[method](tiny_bert, text, progress=stop)


def test_partition_tree_joins_words_first() -> None:
    tree = partition_tree((0, 0, 1, 2))
    assert tree[0, :2].tolist() == [0.0, 1.0]
    assert tree[-1, 3] == 4
    assert math.isclose(len(tree), 3)
