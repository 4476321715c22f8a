"""Invariants of explained translations that hold for every method and architecture, and second sources for the numbers."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from models.classifier import Classifier
from models.decoding import score_targets
from models.errors import Cancelled, InputError, ModelError
from models.loading import load_translator
from models.translator import Translator
from tests.xai.conftest import SENTENCES
from xai import METHODS, TRANSLATION_METHODS, embedded_translation, sequence_gradients
from xai.embedded_translation import EmbeddedTranslation
from xai.forced_pair import explaining, force
from xai.lime_values import KERNEL_WIDTH, exponential_kernel, sample_masks, sample_prefix_masks
from xai.masking import mask_id, token_owners
from xai.sequence_attribution import ATTENTION_SHARE
from xai.sequence_gradients import sequence_saliency
from xai.sequence_masking import MaskedTranslation
from xai.shap_values import partition_tree

SOURCE = SENTENCES[0]
LANGUAGES = {"source_language": "en", "target_language": "zh"}
ADDITIVE = ("shap", "integrated_gradients")
QUICK: dict[str, dict[str, Any]] = {"shap": {"max_evals": 60}, "lime": {"num_samples": 60}}
TEXTS = (
    (SOURCE, "今天我们在花园里喝茶。"),
    (SOURCE, "Wir trinken heute Tee, 😀 ok?"),
    ("👨‍👩‍👧‍👦🎉", "𠮷茶"),
    ("Tee", "茶"),  # one token on each side
    ("ok " * 60, "我 " * 60),  # both are cut
    ("[MASK] </s> <0x41>", "<2zh> [SEP]"),
)
GOLD = TEXTS[:2]


def explain(model: Translator, method: str, texts: tuple[str, str], **settings: Any) -> Any:
    return TRANSLATION_METHODS[method](model, *texts, **LANGUAGES, **{**QUICK.get(method, {}), **settings})


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
@pytest.mark.parametrize("texts", TEXTS, ids=range(len(TEXTS)))
def test_every_method_explains_exactly_the_shown_texts(tiny_translator: Translator, method: str, texts: tuple[str, str]) -> None:
    result = explain(tiny_translator, method, texts)
    forced = tiny_translator.score([texts[0]], [texts[1]], "en", "zh")[0]
    assert result.method == method
    assert (result.source.input_ids, result.target.input_ids) == (forced.source.input_ids, forced.target.input_ids)
    assert result.target_tokens == forced.tokens
    assert result.values == pytest.approx(forced.token_logprobs, abs=1e-4)
    assert result.hypothesis == forced.hypothesis
    assert not np.triu(result.prefix_scores).any()
    assert result.evaluations > 0 and result.seconds > 0
    assert result.baseline == ("mask token [MASK]" if tiny_translator.name == "m2m100" else "unknown token <unk>")
    for text in (result.source, result.target):
        assert all(text.text[start:end] == token for (start, end), token in zip(text.offsets, text.tokens, strict=True))
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(text.offsets))


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
def test_without_a_hypothesis_the_models_own_is_explained(tiny_translator: Translator, method: str) -> None:
    own = tiny_translator.translate([SOURCE], "en", "zh")[0]
    result = explain(tiny_translator, method, (SOURCE, None), **({"n_steps": 2} if method == "integrated_gradients" else {}))
    assert result.hypothesis == own.hypothesis
    assert result.values == pytest.approx(own.token_logprobs, abs=1e-4)


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
@pytest.mark.parametrize(("before", "after"), [("我们喝茶。", "我们喝书两本"), ("Wir trinken heute Tee", "Wir trinken heute im Garten keinen Tee")])
def test_what_comes_later_changes_nothing_before(tiny_translator: Translator, method: str, before: str, after: str) -> None:
    settings: dict[str, Any] = {"max_evals": 4_000} if method == "shap" else {}
    first, second = (explain(tiny_translator, method, (SOURCE, text), **settings) for text in (before, after))
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first.target.input_ids, second.target.input_ids, strict=False)))
    rows = sum(1 for places in first.target.positions if places[-1] < same)
    assert rows >= 2
    for name in ("source_scores", "values", "base_values"):
        assert getattr(first, name)[:rows] == pytest.approx(getattr(second, name)[:rows], abs=1e-4), name
    assert first.prefix_scores[:rows, :rows] == pytest.approx(second.prefix_scores[:rows, :rows], abs=1e-4)


@pytest.mark.parametrize("texts", TEXTS[:4], ids=range(4))
def test_shap_adds_up_for_every_target_token(tiny_translator: Translator, texts: tuple[str, str]) -> None:
    for budget in (10, 60, 500):
        result = explain(tiny_translator, "shap", texts, max_evals=budget)
        total = result.source_scores.sum(1) + result.prefix_scores.sum(1)
        assert total == pytest.approx(result.values - result.base_values, abs=1e-3)
        assert result.convergence_delta == pytest.approx(total - (result.values - result.base_values), abs=1e-9)


@pytest.mark.parametrize("texts", TEXTS[:4], ids=range(4))
def test_integrated_gradients_are_complete_for_every_target_token(tiny_translator: Translator, texts: tuple[str, str]) -> None:
    result = explain(tiny_translator, "integrated_gradients", texts)
    difference = result.values - result.base_values
    total = result.source_scores.sum(1) + result.prefix_scores.sum(1)
    bound = np.maximum(0.02 * np.abs(difference), sequence_gradients.ABSOLUTE_DELTA)
    assert (np.abs(total - difference) <= bound).all()
    assert result.convergence_delta == pytest.approx(total - difference, abs=1e-9)


@pytest.mark.parametrize("method", ADDITIVE)
def test_additive_methods_stay_additive_on_words(tiny_m2m100: Translator, method: str) -> None:
    words = explain(tiny_m2m100, method, GOLD[1]).words()
    assert len(words.target_tokens) < len(tiny_m2m100.score(*([text] for text in GOLD[1]), "en", "zh")[0].tokens)
    total = words.source_scores.sum(1) + words.prefix_scores.sum(1)
    assert total - words.convergence_delta == pytest.approx(words.values - words.base_values, abs=1e-6)


def hidden(translator: Translator, texts: tuple[str, str], *, source: int | None = None, prefix: int | None = None) -> np.ndarray:
    """Log-probability of every target token with one token hidden, by the model's own forward pass (target,)."""
    pair = force(translator, *texts, **LANGUAGES)
    sides = [torch.tensor(text.input_ids) for text in (pair.source, pair.target)]
    given = [ids.clone() for ids in sides]
    for ids, text, token in zip(given, (pair.source, pair.target), (source, prefix), strict=True):
        for place in () if token is None else text.positions[token]:
            ids[place] = mask_id(translator.tokenizer)
    with torch.no_grad():
        logits = translator.model(input_ids=given[0][None], decoder_input_ids=given[1][None, :-1]).logits[0]
    said = logits.log_softmax(-1)[torch.arange(len(sides[1]) - 1), sides[1][1:]].numpy()
    return np.array([said[[place - 1 for place in places]].sum() for places in pair.target.positions])


def test_occlusion_equals_hiding_by_hand(tiny_translator: Translator) -> None:
    for texts in GOLD:
        result = explain(tiny_translator, "occlusion", texts)
        whole = hidden(tiny_translator, texts)
        for token in range(len(result.source_tokens)):
            assert result.source_scores[:, token] == pytest.approx(whole - hidden(tiny_translator, texts, source=token), abs=1e-4)
        for token in range(len(result.target_tokens)):
            by_hand = (whole - hidden(tiny_translator, texts, prefix=token))[token + 1 :]
            assert result.prefix_scores[token + 1 :, token] == pytest.approx(by_hand, abs=1e-4)


def test_a_target_token_of_several_ids_is_scored_with_its_own_ids_given(tiny_m2m100: Translator) -> None:
    pair = force(tiny_m2m100, SOURCE, "我😀茶", **LANGUAGES)
    row = pair.target.tokens.index("😀")
    places = pair.target.positions[row]
    assert len(places) > 1
    output = MaskedTranslation(pair, range(len(pair.target.offsets)))
    decoder = [mask_id(tiny_m2m100.tokenizer) if 0 <= owner < row else number
               for owner, number in zip(token_owners(pair.target), pair.target.input_ids, strict=True)]
    source = [mask_id(tiny_m2m100.tokenizer) if owner >= 0 else number
              for owner, number in zip(token_owners(pair.source), pair.source.input_ids, strict=True)]
    said = score_targets(tiny_m2m100, [(source, pair.target.input_ids)], decoder_inputs=[decoder])[0]
    assert output.base_values[row] == pytest.approx(said[[place - 1 for place in places]].sum(), abs=1e-6)
    assert output.evaluations == 3, "whole, empty, and empty but for the emoji"


def owen_values(worth: Any, tree: np.ndarray, count: int) -> np.ndarray:
    """Owen values by their definition (leaves, rows): each node's two children, with every sibling on the way up in or out."""
    leaves: dict[int, frozenset[int]] = {leaf: frozenset({leaf}) for leaf in range(count)}
    children = {count + row: (int(left), int(right)) for row, (left, right, *_) in enumerate(tree)}
    for node, (left, right) in children.items():
        leaves[node] = leaves[left] | leaves[right]
    values: dict[int, Any] = {}

    def walk(node: int, contexts: list[tuple[frozenset[int], float]]) -> None:
        if node < count:
            values[node] = sum(weight * (worth(context | {node}) - worth(context)) for context, weight in contexts)
            return
        for child, other in (children[node], children[node][::-1]):
            walk(child, [pair for context, weight in contexts for pair in ((context, weight / 2), (context | leaves[other], weight / 2))])

    walk(count + len(tree) - 1, [(frozenset(), 1.0)])
    return np.array([values[leaf] for leaf in range(count)])


def test_shap_equals_owen_values_by_definition(tiny_translator: Translator) -> None:
    texts = ("We drink tea", "我喝茶")
    result = explain(tiny_translator, "shap", texts, max_evals=20_000)
    output = MaskedTranslation(force(tiny_translator, *texts, **LANGUAGES), range(len(result.target_tokens)))
    known: dict[frozenset[int], np.ndarray] = {}

    def worth(members: frozenset[int]) -> np.ndarray:
        if members not in known:
            known[members] = output(np.isin(np.arange(output.features), list(members)))[0]
        return known[members]

    tree = partition_tree(result.source.word_ids, causal=result.target.word_ids)
    expected = owen_values(worth, tree, output.features).T
    assert np.hstack([result.source_scores, result.prefix_scores]) == pytest.approx(expected, abs=1e-5)


def test_tree_of_two_texts_joins_them_last() -> None:
    tree = partition_tree((0, 0, 1), causal=(0, 1))
    assert tree[:, :2].astype(int).tolist() == [[0, 1], [5, 2], [3, 4], [6, 7]]
    assert tree[-1, 3] == 5


@pytest.mark.parametrize("count", range(1, 12))
def test_what_is_joined_at_the_beginning_does_not_depend_on_how_it_goes_on(count: int) -> None:
    """The sets of leaves under the nodes of a tree, cut to the first words, are those of the tree of the first words."""

    def groups(words: int) -> set[frozenset[int]]:
        tree = partition_tree((0,), causal=tuple(range(words)))
        under = {leaf: frozenset({leaf}) for leaf in range(words + 1)}
        for node, (left, right) in enumerate(tree[:, :2].astype(int), words + 1):
            under[node] = under[left] | under[right]
        return {frozenset(leaf for leaf in leaves if leaf <= count) for leaves in under.values()}

    for more in range(count, 20):
        assert groups(more) - {frozenset()} == groups(count)


@pytest.mark.parametrize("row", [0, 3])
def test_lime_of_a_row_sees_only_what_can_move_it(tiny_m2m100: Translator, row: int) -> None:
    """The weights of a row against scikit-learn's ridge on the same masks without the columns of later tokens."""
    from sklearn.linear_model import Ridge

    result = explain(tiny_m2m100, "lime", GOLD[0], num_samples=80, seed=3)
    output = MaskedTranslation(force(tiny_m2m100, *GOLD[0], **LANGUAGES), range(len(result.target_tokens)))
    kept = np.hstack([sample_masks(output.sources, 80, 3), sample_prefix_masks(output.targets, 80, 3)])
    columns = list(range(output.sources + row))
    shown = kept[:, columns]
    cosine = 1 - shown.sum(1) / np.sqrt(np.maximum(shown.sum(1), 1e-12) * len(columns))
    fitted = Ridge(alpha=1).fit(shown, output(kept)[:, row], sample_weight=exponential_kernel(cosine * 100, KERNEL_WIDTH))
    assert np.hstack([result.source_scores[row], result.prefix_scores[row, :row]]) == pytest.approx(fitted.coef_, abs=1e-6)
    assert result.base_values[row] == pytest.approx(fitted.intercept_, abs=1e-6)
    assert (result.r_squared <= 1).all()


def test_masks_of_a_prefix_do_not_depend_on_what_follows() -> None:
    short, long = sample_prefix_masks(3, 400, 5), sample_prefix_masks(9, 400, 5)
    assert np.array_equal(short, long[:, :3])
    assert long[0].all()
    assert 0.45 < long.mean() < 0.55
    shares = long[1:].mean(1)
    assert (np.histogram(shares, bins=4, range=(0, 1))[0] > 60).all(), "few and many are taken away alike"
    assert sample_prefix_masks(0, 4, 5).shape == (4, 0)


def test_lime_is_seeded(tiny_m2m100: Translator) -> None:
    first, again, other = (explain(tiny_m2m100, "lime", GOLD[0], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.source_scores, again.source_scores)
    assert not np.array_equal(first.source_scores, other.source_scores)


def by_embeddings(translator: Translator, pair: Any) -> tuple[Any, list[torch.Tensor]]:
    """A function of both embeddings that gives the log-probability of each id (batch, ids), and the embeddings of the ids."""
    ids = [torch.tensor(pair.source.input_ids), torch.tensor(pair.target.input_ids)]
    model = translator.model
    outside = translator.name == "marian"  # the one whose encoder scales outside of the place where embeddings go in
    tables = [model.get_encoder().get_input_embeddings(), model.get_decoder().get_input_embeddings()]
    embeds = [(tables[0](ids[0]) * (32**0.5 if outside else 1))[None].detach(), tables[1](ids[1][:-1])[None].detach()]

    def said(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        logits = model(inputs_embeds=source, decoder_inputs_embeds=target).logits
        return logits.log_softmax(-1).gather(-1, ids[1][1:].expand(len(source), -1)[..., None])[..., 0]

    return said, embeds


@pytest.mark.parametrize("method", ["input_x_gradient", "saliency"])
def test_gradients_at_the_text_by_hand(tiny_translator: Translator, method: str) -> None:
    pair = force(tiny_translator, *GOLD[0], **LANGUAGES)
    chosen = explaining("saliency", sequence_saliency) if method == "saliency" else TRANSLATION_METHODS[method]
    result = chosen(tiny_translator, *GOLD[0], **LANGUAGES)
    said, embeds = by_embeddings(tiny_translator, pair)
    for row, places in enumerate(pair.target.positions):
        inputs = [embed.clone().requires_grad_() for embed in embeds]
        said(*inputs)[0, [place - 1 for place in places]].sum().backward()
        found = [((embed.grad * embed).sum(-1) if method == "input_x_gradient" else embed.grad.norm(dim=-1))[0].detach().numpy() for embed in inputs]
        assert result.source_scores[row] == pytest.approx([found[0][list(own)].sum() for own in pair.source.positions], abs=1e-4)
        assert result.prefix_scores[row, :row] == pytest.approx([found[1][list(own)].sum() for own in pair.target.positions[:row]], abs=1e-4)


@pytest.mark.parametrize("row", [0, 2, 4])
def test_integrated_gradients_against_captum(tiny_translator: Translator, row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captum on encoder and decoder embeddings together, one target token at a time, with as many steps."""
    monkeypatch.setattr(sequence_gradients, "RELATIVE_DELTA", np.inf)
    result = explain(tiny_translator, "integrated_gradients", GOLD[0], n_steps=40)
    pair = force(tiny_translator, *GOLD[0], **LANGUAGES)
    said, embeds = by_embeddings(tiny_translator, pair)
    masked, (scaled, plain) = mask_id(tiny_translator.tokenizer), by_embeddings(tiny_translator, pair)[1]
    tables = [tiny_translator.model.get_encoder().get_input_embeddings(), tiny_translator.model.get_decoder().get_input_embeddings()]
    scale = float(scaled[0, 0].norm() / tables[0](torch.tensor(pair.source.input_ids[0])).norm())
    baselines = [scaled.clone(), plain.clone()]
    baselines[0][0, token_owners(pair.source) >= 0] = tables[0](torch.tensor(masked)) * scale
    earlier = (token_owners(pair.target)[:-1] >= 0) & (token_owners(pair.target)[:-1] < row)
    baselines[1][0, earlier] = tables[1](torch.tensor(masked))
    places = [place - 1 for place in pair.target.positions[row]]
    theirs = IntegratedGradients(lambda source, target: said(source, target)[:, places].sum(1)).attribute(
        tuple(embeds), baselines=tuple(baselines), n_steps=40, method="gausslegendre")
    found = [values.sum(-1)[0].detach().numpy() for values in theirs]
    assert result.source_scores[row] == pytest.approx([found[0][list(own)].sum() for own in pair.source.positions], abs=1e-4)
    assert result.prefix_scores[row, :row] == pytest.approx([found[1][list(own)].sum() for own in pair.target.positions[:row]], abs=1e-4)


@pytest.mark.parametrize("name", ["marian", "bart"])  # their paths are smooth: 512 steps at once are a second source
def test_paths_are_cut_where_they_bend(translator_checkpoints: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    translator = load_translator(str(translator_checkpoints / name))
    whole = explain(translator, "integrated_gradients", GOLD[0], n_steps=512)
    monkeypatch.setattr(sequence_gradients, "RELATIVE_DELTA", 1e-5)
    cut = explain(translator, "integrated_gradients", GOLD[0], n_steps=4)
    assert all(4 < steps < 512 for steps in cut.parameters["n_steps"])
    assert set(whole.parameters["n_steps"]) == {512}
    largest = np.abs(whole.source_scores).max()
    assert cut.source_scores == pytest.approx(whole.source_scores, abs=1e-2 * largest)
    assert cut.prefix_scores == pytest.approx(whole.prefix_scores, abs=1e-2 * largest)


def test_a_model_whose_embeddings_answer_otherwise_is_refused(tiny_m2m100: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded_translation._logits
    monkeypatch.setattr(embedded_translation, "_logits", lambda pair, source, target: real(pair, 1.5 * source, target))
    monkeypatch.setattr(embedded_translation, "_ways", WeakKeyDictionary())  # a model is tried once
    with pytest.raises(ModelError, match="m2m100 answers embeddings otherwise than the tokens they stand for"):
        explain(tiny_m2m100, "input_x_gradient", GOLD[0])


def test_rows_of_one_id_share_their_passes_and_those_of_several_have_their_own(tiny_m2m100: Translator) -> None:
    pair = force(tiny_m2m100, SOURCE, "我😀茶", **LANGUAGES)
    count, several = len(pair.target.offsets), sum(len(places) > 1 for places in pair.target.positions)
    assert several == 1
    output = EmbeddedTranslation(pair, range(count))
    assert output.evaluations == 4, "given and masked, for the emoji and for all others together"
    output.differentiate([(row, share) for row in range(count) for share in (0.25, 0.75)], lambda gradient, *_: gradient.sum(-1))
    assert output.evaluations == 4 + 4 + 2 * count, "four pairs go forward, each row comes back from two shares"


def test_masked_embeddings_say_what_masked_ids_say(tiny_translator: Translator) -> None:
    """Two ways to take all tokens away, tokens of several ids included."""
    for texts in TEXTS[:4]:
        pair = force(tiny_translator, *texts, **LANGUAGES)
        rows = range(len(pair.target.offsets))
        embedded, masked = EmbeddedTranslation(pair, rows), MaskedTranslation(pair, rows)
        assert embedded.values == pytest.approx(masked.values, abs=1e-4)
        assert embedded.base_values == pytest.approx(masked.base_values, abs=1e-4)


def test_a_model_that_does_not_come_apart_is_run_as_a_whole(translator_checkpoints: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_gradients, "RELATIVE_DELTA", np.inf)
    model = load_translator(str(translator_checkpoints / "bart"))
    expected = [explain(model, method, GOLD[1]) for method in ("integrated_gradients", "input_x_gradient")]
    head = model.model.get_output_embeddings()
    for other in (None, lambda hidden: 1.5 * head(hidden)):  # none at all, and one that is scaled elsewhere
        monkeypatch.setattr(model.model, "get_output_embeddings", lambda other=other: other)
        monkeypatch.setattr(embedded_translation, "_ways", WeakKeyDictionary())
        assert not EmbeddedTranslation(force(model, *GOLD[1], **LANGUAGES), [0])._is_split
        for result in expected:
            found = explain(model, result.method, GOLD[1])
            assert found.source_scores == pytest.approx(result.source_scores, abs=1e-5)
            assert found.prefix_scores == pytest.approx(result.prefix_scores, abs=1e-5)
            assert found.evaluations == result.evaluations


@pytest.mark.parametrize("name", ["BATCH_TOKENS", "BATCH_LOGITS", "PIECES"])
def test_how_the_work_is_cut_changes_no_score(tiny_translator: Translator, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_gradients, "RELATIVE_DELTA", np.inf)
    expected = explain(tiny_translator, "integrated_gradients", GOLD[1], n_steps=4)
    monkeypatch.setattr(embedded_translation, name, 1)
    found = explain(tiny_translator, "integrated_gradients", GOLD[1], n_steps=4)
    assert found.source_scores == pytest.approx(expected.source_scores, abs=1e-5)
    assert found.prefix_scores == pytest.approx(expected.prefix_scores, abs=1e-5)


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
def test_shuffled_weights_change_the_attribution(translator_checkpoints: Any, method: str) -> None:
    """Sanity check of Adebayo et al. (2018): an explanation that ignores the weights explains nothing."""
    model = load_translator(str(translator_checkpoints / "m2m100"))
    before = explain(model, method, GOLD[0])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.model.parameters():
            value.copy_(value.flatten()[torch.randperm(value.numel(), generator=generator)].view_as(value))
    after = explain(model, method, GOLD[0])
    for name in ("source_scores", "prefix_scores"):
        assert np.abs(getattr(before, name) - getattr(after, name)).max() > 1e-3 * np.abs(getattr(before, name)).max()


@pytest.mark.parametrize("method", METHODS)
def test_one_name_for_both_kinds_of_models(tiny_m2m100: Translator, tiny_bert: Classifier, method: str) -> None:
    assert METHODS[method](tiny_bert, "ok", target="neutral", **QUICK.get(method, {})).target == "neutral"
    if method not in TRANSLATION_METHODS:
        with pytest.raises(InputError, match=f"{method} does not explain translations; choose one of shap, lime"):
            METHODS[method](tiny_m2m100, SOURCE, **LANGUAGES)
        return
    found = METHODS[method](tiny_m2m100, *GOLD[0], **LANGUAGES, **QUICK.get(method, {}))
    assert found.method == method
    assert found.source_scores == pytest.approx(explain(tiny_m2m100, method, GOLD[0]).source_scores, abs=1e-6)
    assert METHODS[method](tiny_m2m100, SOURCE, hypothesis=GOLD[0][1], **LANGUAGES, **QUICK.get(method, {})).hypothesis == GOLD[0][1]


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
@pytest.mark.parametrize(("text", "hypothesis", "languages", "sentence"), [
    (" \n ", "茶", ("en", "zh"), "The text is empty"),
    (SOURCE, "  ", ("en", "zh"), "The text is empty"),
    (SOURCE, "茶", ("en", "en"), "Source and target are both 'en'"),
    (SOURCE, "茶", ("en", "fr"), "m2m100 does not translate en-fr"),
])
def test_bad_input_gets_one_sentence(tiny_m2m100: Translator, method: str, text: str, hypothesis: str, languages: tuple[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        TRANSLATION_METHODS[method](tiny_m2m100, text, hypothesis, source_language=languages[0], target_language=languages[1])


def test_an_empty_translation_has_nothing_to_explain(tiny_m2m100: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_m2m100, "_decode", lambda beam: [""])
    with pytest.raises(InputError, match="m2m100 translates this text to nothing; give a translation to explain"):
        TRANSLATION_METHODS["occlusion"](tiny_m2m100, SOURCE, **LANGUAGES)


@pytest.mark.parametrize(("method", "setting"), [("shap", "max_evals"), ("lime", "num_samples"), ("integrated_gradients", "n_steps")])
def test_settings_out_of_range(tiny_m2m100: Translator, method: str, setting: str) -> None:
    with pytest.raises(InputError, match=f"{setting} is 1, expected"):
        explain(tiny_m2m100, method, GOLD[0], **{setting: 1})


@pytest.mark.parametrize("method", TRANSLATION_METHODS)
def test_progress_can_cancel(tiny_m2m100: Translator, method: str) -> None:
    def stop(done: int, total: int) -> None:
        assert 0 <= done <= total
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        explain(tiny_m2m100, method, GOLD[0], progress=stop)


def test_many_at_once_get_the_numbers_of_one_alone(tiny_m2m100: Translator) -> None:
    """One handle with one lock: visitors who explain at the same time take turns."""
    asked = [(method, texts) for method in ("occlusion", "integrated_gradients", "cross_attention", "input_x_gradient") for texts in (*GOLD, TEXTS[3])]
    alone = [explain(tiny_m2m100, method, texts).source_scores for method, texts in asked]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda one: explain(tiny_m2m100, *one).source_scores, asked))
    assert all(np.allclose(first, second, atol=1e-6) for first, second in zip(alone, together, strict=True))


def test_shares_of_attention_are_no_log_probabilities(tiny_m2m100: Translator) -> None:
    for method in TRANSLATION_METHODS:
        output = explain(tiny_m2m100, method, GOLD[0]).output
        assert output == (ATTENTION_SHARE if method == "cross_attention" else "log_probability")
