"""The wide half: its n-grams against a plain enumeration, its answer against arithmetic, and that both halves read the same embeddings."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models import load_classifier
from models.architecture import BREAK, GRAMS, NgramEmbedding, WideDeepConfig, WideDeepForSequenceClassification, find_grams, piece_characters
from models.classifier import Classifier
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from models.training.wide import add_wide_half

TEXTS = ["the soup was not bad", "not good, 好吃 😀!", "สวัสดี ምግብ", "été", "a"]
MASK = 1023


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS * 3, TokenizerConfig(vocab_size=360, min_frequency=2, max_length=48))


@pytest.fixture(scope="module")
def wide_deep(tiny_checkpoints: Path) -> Classifier:
    return load_classifier(str(tiny_checkpoints / "wide-deep"))


def ids_of(tokenizer: Any, texts: list[str]) -> torch.Tensor:
    return tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]


def grams_of(tokenizer: Any, ids: list[int]) -> list[tuple[int, tuple[str, ...] | tuple[int, int]]]:
    """Token of its last letter, and characters, of each n-gram, letter by letter; pairs of pieces by their ids."""
    vocabulary = {number: piece for piece, number in tokenizer.get_vocab().items()}
    letters = []
    for place, number in enumerate(ids):
        piece = vocabulary[number]
        if piece in ("[CLS]", "[SEP]"):
            letters.append((place, " "))
        elif piece in ("[MASK]", "[UNK]"):
            letters.append((place, "MASK"))
        elif piece.startswith("<0x"):
            letters.append((place, piece))
        else:
            letters += [(place, " " if letter == "▁" else letter) for letter in piece]
    found: list[Any] = []
    for size in GRAMS:
        for first in range(len(letters) - size + 1):
            window = [letter for _, letter in letters[first : first + size]]
            if "MASK" not in window and " " not in window[1:-1] and window != [" ", " "]:
                found.append((letters[first + size - 1 - (window[-1] == " ")][0], tuple(window)))
    return found + [(place + 1, pair) for place, pair in enumerate(pairwise(ids)) if vocabulary[pair[1]] != "[SEP]"]


def test_n_grams_are_those_of_a_plain_enumeration(tokenizer: Any) -> None:
    """The same token for each, the same bucket where the n-gram is the same, and hardly ever one bucket for two."""
    characters = torch.from_numpy(piece_characters(tokenizer))
    buckets_of: dict[Any, set[int]] = {}
    for text in [*TEXTS, "ñandú ½ ﬁn"]:
        ids = ids_of(tokenizer, [text])
        places, buckets = find_grams(ids, characters, 2**30 - 1)
        expected = grams_of(tokenizer, ids[0].tolist())
        assert sorted(places.tolist()) == sorted(place for place, _ in expected)
        size = 0
        for size_of in [*GRAMS, 0]:
            same = [pair for pair in expected if (len(pair[1]) == size_of if isinstance(pair[1][0], str) else size_of == 0)]
            for (place, gram), found, bucket in zip(same, places[size:].tolist(), buckets[size:].tolist(), strict=False):
                assert place == found
                buckets_of.setdefault(gram, set()).add(bucket)
            size += len(same)
    assert all(len(found) == 1 for found in buckets_of.values())
    assert len(buckets_of) > 150
    assert len({bucket for found in buckets_of.values() for bucket in found}) == len(buckets_of)


def test_a_masked_token_takes_its_n_grams_with_it(tokenizer: Any) -> None:
    characters = torch.from_numpy(piece_characters(tokenizer))
    ids = ids_of(tokenizer, ["bad soup"])
    hidden = ids.clone()
    hidden[0, 2] = tokenizer.mask_token_id
    assert characters[tokenizer.mask_token_id, 0] == BREAK
    places, _ = find_grams(hidden, characters, MASK)
    full, _ = find_grams(ids, characters, MASK)
    assert (places == 2).sum() == 1  # the pair with the piece before
    assert len(places) < len(full)


def test_the_ends_of_a_text_say_the_same_of_every_text(wide_deep: Classifier) -> None:
    """Explanations give scores to pieces only; what would differ at an end would be lost."""
    found = set()
    for text in TEXTS:
        ids = wide_deep.tokenizer([text], return_tensors="pt")["input_ids"]
        said = wide_deep.model.get_input_embeddings()(ids)[0]
        found.add((tuple(said[0].tolist()), tuple(said[-1].tolist())))
    assert len(found) == 1


def test_a_batch_changes_nothing(wide_deep: Classifier) -> None:
    """Neither padding nor the texts beside it."""
    together = wide_deep.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        answers = wide_deep.model(input_ids=together["input_ids"], attention_mask=together["attention_mask"]).logits
        for place, text in enumerate(TEXTS):
            alone = wide_deep.tokenizer([text], return_tensors="pt")
            said = wide_deep.model(input_ids=alone["input_ids"], attention_mask=alone["attention_mask"]).logits[0]
            assert torch.allclose(answers[place], said, atol=1e-5)
            assert torch.allclose(wide_deep.model(input_ids=alone["input_ids"]).logits[0], said, atol=1e-6)


def test_the_answer_is_the_mean_of_both_halves(wide_deep: Classifier) -> None:
    """Shares of 0 and 1 give either half; in between their log-probabilities are averaged; the mixture by plain arithmetic."""
    model = wide_deep.model
    batch = wide_deep.tokenizer(TEXTS[:3], padding=True, return_tensors="pt")
    settings = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    share, answers = model.config.wide_share, {}
    try:
        for value in (0.0, 0.25, 1.0):
            model.config.wide_share = value
            with torch.no_grad():
                answers[value] = model(**settings).logits.double().numpy()
    finally:
        model.config.wide_share = share
    deep = answers[0.0] - np.log(np.exp(answers[0.0]).sum(1, keepdims=True))
    assert answers[0.25] == pytest.approx(0.75 * deep + 0.25 * answers[1.0], abs=1e-5)
    embedding = model.get_input_embeddings()
    evidence = embedding(batch["input_ids"])[..., model.config.hidden_size :].detach().double().numpy()
    for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
        said = evidence[row, :length].sum(0).reshape(model.wide_bias.shape) / np.sqrt(length) + model.wide_bias.detach().double().numpy()
        language = np.exp(said[:, -1]) / np.exp(said[:, -1]).sum()
        classes = np.exp(said[:, :-1]) / np.exp(said[:, :-1]).sum(1, keepdims=True)
        assert np.exp(answers[1.0][row]) == pytest.approx(language @ classes, abs=1e-5)


def test_embeddings_say_what_ids_say(wide_deep: Classifier) -> None:
    batch = wide_deep.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        embeds = wide_deep.model.get_input_embeddings()(batch["input_ids"])
        assert embeds.shape[-1] == wide_deep.model.config.hidden_size + wide_deep.model.wide_bias.numel()
        by_ids = wide_deep.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_attentions=True)
        by_embeds = wide_deep.model(inputs_embeds=embeds, attention_mask=batch["attention_mask"])
    assert torch.equal(by_ids.logits, by_embeds.logits)
    assert len(by_ids.attentions) == wide_deep.model.config.num_hidden_layers
    assert by_ids.attentions[0].shape[-1] == batch["input_ids"].shape[1]


def test_loss_is_the_cross_entropy_of_both(wide_deep: Classifier) -> None:
    batch = wide_deep.tokenizer(TEXTS[:3], padding=True, return_tensors="pt")
    labels = torch.tensor([0, 2, 1])
    given = wide_deep.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels)
    assert given.loss.item() == pytest.approx(torch.nn.functional.cross_entropy(given.logits, labels).item())


def test_it_comes_back_as_it_was_saved(tokenizer: Any, tmp_path: Path) -> None:
    """Half precision for the weights; the characters, which are whole numbers, as they are."""
    torch.manual_seed(0)
    config = WideDeepConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, num_labels=3,
                            max_position_embeddings=48, classifier_pooling="mean", wide_share=0.5, wide_buckets=64, wide_experts=2,
                            longest_piece=piece_characters(tokenizer).shape[1], pad_token_id=tokenizer.pad_token_id)
    model = WideDeepForSequenceClassification(config).eval()
    model.get_input_embeddings().characters.copy_(torch.from_numpy(piece_characters(tokenizer)))
    model.half().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again = load_classifier(str(tmp_path)).model
    assert isinstance(again.get_input_embeddings(), NgramEmbedding)
    assert torch.equal(again.get_input_embeddings().characters, model.get_input_embeddings().characters)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        first = model.float()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        second = again(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    assert torch.allclose(first, second, atol=1e-6)


def test_a_wide_half_leaves_the_encoder_alone(tokenizer: Any) -> None:
    from transformers import EuroBertConfig, EuroBertForSequenceClassification

    torch.manual_seed(0)
    plain = EuroBertForSequenceClassification(EuroBertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, num_labels=3,
        max_position_embeddings=48, classifier_pooling="mean", pad_token_id=tokenizer.pad_token_id, id2label=dict(enumerate("abc")))).eval()
    generator = np.random.default_rng(0)
    evidence = generator.normal(size=(128 + len(tokenizer), 8)).astype(np.float32)
    both = add_wide_half(plain, tokenizer, evidence, np.zeros((2, 4), dtype=np.float32), 0.0)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        answers = [model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits for model in (plain, both)]
    assert torch.equal(*answers)
    assert both.config.id2label == plain.config.id2label
    assert both.config.model_type == "wide-deep-eurobert"
    assert torch.equal(both.get_input_embeddings().pieces.weight, torch.from_numpy(evidence[128:]))
