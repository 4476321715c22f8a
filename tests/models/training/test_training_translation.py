"""A translator in training: loss by hand, freezing, noise on the embeddings, warm start, and a resume that changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import EuroBertConfig, EuroBertModel

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.errors import ConfigError
from models.training.adversarial import AdversarialConfig
from models.training.loop import LoopConfig, TrainingLoop, read_log
from models.training.pairs import IGNORED, PairBatcher, PairTable, languages_of, pair_rows, tag
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from models.training.translation import TranslationTrainingConfig, TranslatorConfig, development_loss, new_translator, train_translator, translation_loss
from models.training.warm_start import warm_start

DIRECTIONS = ("en-de", "de-en")
SIZE = TranslatorConfig(hidden_size=16, encoder_layers=2, decoder_layers=1, num_attention_heads=2, intermediate_size=32, max_length=24, dropout=0.0)
NOUNS = [("dog", "Hund"), ("table", "Tisch"), ("apple", "Apfel"), ("king", "König"), ("garden", "Garten"), ("fish", "Fisch")]
ADJECTIVES = [("old", "alt"), ("red", "rot"), ("small", "klein"), ("good", "gut")]
LOOP = LoopConfig(steps=12, learning_rate=0.01, batch_tokens=120, evaluate_every=4, ema_decay=0.9, save_every_seconds=0.0, seed=3)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return [{"source": f"The {noun} is {adjective}.", "target": f"Der {nomen} ist {adjektiv}.", "source_language": "en", "target_language": "de",
             "domain": "toy", "dataset": "toy", "split": "train"} for noun, nomen in NOUNS for adjective, adjektiv in ADJECTIVES]


@pytest.fixture(scope="module")
def tokenizer(rows: list[dict[str, Any]]) -> Any:
    texts = [side for row in rows for side in (row["source"], row["target"])]
    return train_tokenizer(texts, TokenizerConfig(vocab_size=330, min_frequency=2, max_length=24, lowercase=False), [tag("de"), tag("en")])


@pytest.fixture(scope="module")
def corpus(rows: list[dict[str, Any]], tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> PackedCorpus:
    folder = tmp_path_factory.mktemp("packed")
    pack_rows(pair_rows(rows, languages_of(DIRECTIONS), 5), tokenizer, (), PackConfig(max_length=24), folder)
    return PackedCorpus(folder)


def batcher(corpus: PackedCorpus, tokenizer: Any, split: str = "train") -> PairBatcher:
    return PairBatcher(PairTable(corpus, DIRECTIONS, split=split, max_length=24), tokenizer, 24)


def trained(corpus: PackedCorpus, tokenizer: Any, folder: Path, **changes: Any) -> dict[str, Any]:
    return train_translator(corpus, tokenizer, DIRECTIONS, SIZE, replace(TranslationTrainingConfig(loop=LOOP), **changes), folder)


def test_loss_is_the_mean_over_target_tokens(corpus: PackedCorpus, tokenizer: Any) -> None:
    model = new_translator(SIZE, tokenizer, 1).eval()
    data = batcher(corpus, tokenizer)
    batch = data.batch(np.arange(7), 1, 0)
    logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, decoder_input_ids=batch.decoder_input_ids).logits
    said = logits.log_softmax(-1).gather(-1, batch.labels.clamp_min(0)[..., None]).squeeze(-1)[batch.labels != IGNORED]
    assert translation_loss(model, batch).item() == pytest.approx(-said.mean().item(), abs=1e-5)
    embeds = model.get_input_embeddings()(batch.input_ids)
    assert translation_loss(model, batch, 0.1, embeds).item() == pytest.approx(translation_loss(model, batch, 0.1).item(), abs=1e-5)


def test_development_loss_weighs_directions_alike(corpus: PackedCorpus, tokenizer: Any) -> None:
    model, data = new_translator(SIZE, tokenizer, 1).eval(), batcher(corpus, tokenizer)
    indices = np.arange(9)
    with torch.no_grad():
        means = []
        for direction in range(2):
            own = indices[data.table.direction[indices] == direction]
            if len(own):
                means.append(translation_loss(model, data.batch(own, 0, 0)).item())
    for tokens in (30, 10_000):
        assert development_loss(model, data, indices, device="cpu", tokens=tokens) == pytest.approx(np.mean(means), abs=1e-4)


def test_training_learns_and_saves(corpus: PackedCorpus, tokenizer: Any, tmp_path: Path) -> None:
    result = trained(corpus, tokenizer, tmp_path, loop=replace(LOOP, steps=60, save_every_seconds=60.0))
    losses = [line["loss"] for line in read_log(tmp_path) if "loss" in line]
    assert losses[-1] < 0.6 * losses[0] and len(losses) == result["steps"] == 60
    assert result["pairs"] == len(PairTable(corpus, DIRECTIONS, split="train", max_length=24)) and result["padding_percent"] < 30
    assert result["best"] == max(line["development"] for line in read_log(tmp_path) if "development" in line)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= {path.name for path in (tmp_path / "model").iterdir()}


def test_resume_ends_with_the_same_curve_and_weights(corpus: PackedCorpus, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained(corpus, tokenizer, tmp_path / "whole")
    run = TrainingLoop.run
    monkeypatch.setattr(TrainingLoop, "run", lambda self, loss, **settings: run(self, loss, **{**settings, "stop_at": 7}))
    assert trained(corpus, tokenizer, tmp_path / "cut")["steps"] == 7
    monkeypatch.setattr(TrainingLoop, "run", lambda self, loss, **settings: run(self, loss, **{**settings, "resume": True}))
    resumed = trained(corpus, tokenizer, tmp_path / "cut")
    assert (resumed["steps"], resumed["best"]) == (whole["steps"], whole["best"])
    assert read_log(tmp_path / "cut") == read_log(tmp_path / "whole")
    one, other = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_frozen_parameters_stay(corpus: PackedCorpus, tokenizer: Any, tmp_path: Path) -> None:
    result = trained(corpus, tokenizer, tmp_path, freeze=("model.encoder.layers.0",))
    before, after = dict(new_translator(SIZE, tokenizer, LOOP.seed).named_parameters()), load_file(tmp_path / "model" / "model.safetensors")
    frozen = [name for name in after if name.startswith("model.encoder.layers.0")]
    assert result["frozen_values"] == sum(before[name].numel() for name in frozen) > 0
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert not torch.equal(before["model.encoder.layers.1.fc1.weight"], after["model.encoder.layers.1.fc1.weight"])


@pytest.mark.parametrize("method", ["fgm", "freelb"])
def test_noise_on_the_embeddings_makes_the_loss_worse(corpus: PackedCorpus, tokenizer: Any, tmp_path: Path, method: str) -> None:
    trained(corpus, tokenizer, tmp_path, adversarial=AdversarialConfig(method=method, epsilon=1.0))
    log = [line for line in read_log(tmp_path) if "loss" in line]
    assert np.mean([line["adversarial_loss"] > line["loss"] for line in log]) > 0.7


@pytest.fixture
def encoder(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    """A pre-trained encoder with a lower-cased vocabulary of its own."""
    torch.manual_seed(4)
    pieces = train_tokenizer([row["source"] for row in rows], TokenizerConfig(vocab_size=300, min_frequency=2, max_length=24))
    settings = EuroBertConfig(vocab_size=len(pieces), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                              pad_token_id=0, bos_token_id=2, eos_token_id=3, mask_token_id=4)
    EuroBertModel(settings).save_pretrained(tmp_path / "encoder")
    pieces.save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def test_warm_start_copies_what_both_have(tokenizer: Any, encoder: Path) -> None:
    model, untouched = new_translator(SIZE, tokenizer, 1), new_translator(SIZE, tokenizer, 1)
    copied = warm_start(model, tokenizer, encoder)
    theirs = load_file(encoder / "model.safetensors")
    for ours, other in (("q_proj", "q_proj"), ("out_proj", "o_proj")):
        assert torch.equal(getattr(model.model.encoder.layers[0].self_attn, ours).weight, theirs[f"layers.0.self_attn.{other}.weight"])
        assert torch.equal(getattr(model.model.encoder.layers[1].self_attn, ours).weight, getattr(untouched.model.encoder.layers[1].self_attn, ours).weight)
    known = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    shared = {piece: number for piece, number in tokenizer.get_vocab().items() if piece in known}
    assert copied == 16 * len(shared) + 4 * 16 * 16 and "▁Der" not in shared
    ours, old = (built.get_input_embeddings().weight.detach() for built in (model, untouched))
    scale = {round(float((ours[number] / theirs["embed_tokens.weight"][known[piece]]).mean()), 4) for piece, number in shared.items() if piece != "[PAD]"}
    assert len(scale) == 1
    others = [number for piece, number in tokenizer.get_vocab().items() if piece not in shared]
    assert torch.equal(ours[others], old[others])


def test_a_warm_start_counts_in_the_result(corpus: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    assert trained(corpus, tokenizer, tmp_path / "run", warm_start=str(encoder))["warm_values"] > 0


def test_warm_starts_that_do_not_fit_are_one_sentence(tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no config\.json; give the folder of a pre-trained encoder or leave it empty"):
        warm_start(new_translator(SIZE, tokenizer, 1), tokenizer, tmp_path)
    with pytest.raises(ConfigError, match="is 16 wide, the translator 32; make hidden_size equal"):
        warm_start(new_translator(replace(SIZE, hidden_size=32), tokenizer, 1), tokenizer, encoder)


def test_heads_that_do_not_divide_the_width(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="hidden_size is 16, expected a multiple of the 3 heads"):
        new_translator(replace(SIZE, num_attention_heads=3), tokenizer, 1)


def test_inverse_square_root_schedule_by_hand(corpus: PackedCorpus, tokenizer: Any, tmp_path: Path) -> None:
    model = new_translator(SIZE, tokenizer, 1)
    plan = type("Plan", (), {"steps": lambda self, epochs: 100})()
    loop = TrainingLoop(model, plan, LoopConfig(learning_rate=0.4, schedule="inverse-sqrt", warmup_share=0.04), tmp_path)
    assert [loop.schedule(step) for step in (0, 3, 4, 16, 64)] == pytest.approx([0.1, 0.4, 0.4, 0.2, 0.1])
    with pytest.raises(ConfigError, match="loop schedule is 'linear', expected one-cycle or inverse-sqrt"):
        LoopConfig(schedule="linear")
