"""Transfer to a classifier: freezing, phases, noise, the development score, and that a simple task is learnt."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, EuroBertForMaskedLM

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.errors import ConfigError, CorpusError
from models.training import finetuning
from models.training.adversarial import AdversarialConfig
from models.training.augmentation import AugmentationConfig, Augmenter
from models.training.batches import Sampling
from models.training.finetuning import (
    FinetuningConfig,
    Labelled,
    PhaseConfig,
    development_score,
    finetune,
    freeze,
    new_classifier,
    with_seed,
    write_lexicon,
)
from models.training.loop import LoopConfig, read_log
from models.training.pretraining import EncoderConfig, new_encoder
from models.training.teacher import TeacherConfig
from models.training.wide import WideConfig

LABELS = ("negative", "neutral", "positive")
LOOP = LoopConfig(steps=6, learning_rate=0.01, batch_tokens=512, save_every_seconds=1e9, precision="fp32")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
EVERYTHING = {"label_smoothing": 0.1, "adversarial": AdversarialConfig(method="fgm", epsilon=0.2),
              "augmentation": AugmentationConfig(word_dropout=0.3, character_noise=0.3)}


@pytest.fixture(scope="session")
def encoder(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random encoder, as the pre-training stage leaves it."""
    folder = tmp_path_factory.mktemp("encoder")
    shape = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_length=48)
    new_encoder(shape, tokenizer, 1).masked.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def held_out(table_rows: list[dict[str, Any]], tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> PackedCorpus:
    """The rows with one combination of opening and ending kept for development."""
    folder = tmp_path_factory.mktemp("held_out")
    rows = [{**row, "split": "development" if row["document"].endswith("1") and row["position"] % 2 else "train"} for row in table_rows]
    pack_rows(rows, tokenizer, LABELS, PackConfig(max_length=48, development_datasets=()), folder)
    return PackedCorpus(folder)


def config(*phases: dict[str, Any], **values: Any) -> FinetuningConfig:
    made = tuple(PhaseConfig(**{"name": f"phase{number}", "loop": LOOP, **phase}) for number, phase in enumerate(phases))
    return FinetuningConfig(phases=made, **values)


def rows_of(corpus: PackedCorpus, tokenizer: Any, split: str = "train", augmenter: Augmenter | None = None, length: int = 48) -> Labelled:
    return Labelled(corpus, corpus.select(split=split, labelled=True), tokenizer, augmenter, length)


def load(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForSequenceClassification.from_pretrained(folder).state_dict()


@pytest.mark.parametrize("device", DEVICES)
def test_simple_task_is_learnt(held_out: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path, device: str) -> None:
    """Openings and endings of the development rows never met in training; the middle alone decides the label."""
    loop = dataclasses.replace(LOOP, steps=150, learning_rate=0.003, ema_decay=0.9, evaluate_every=15, seed=2)
    results = finetune(held_out, tokenizer, encoder, config({"loop": loop}, dropout=0.0), tmp_path, device=device)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    data = rows_of(held_out, tokenizer, "development")
    batch = data.batch(np.arange(len(data.rows)), 0, 0, "cpu")
    with torch.inference_mode():
        predicted = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.argmax(-1)
    assert len(batch.labels) == 24
    assert (predicted == batch.labels).float().mean() > 0.9
    assert -development_score(model, data, device="cpu")[1] == pytest.approx(results[0]["best"], rel=1e-4)
    assert (tmp_path / "model" / "tokenizer.json").is_file()
    assert model.config.id2label == dict(enumerate(LABELS))


def test_frozen_weights_are_bit_equal_and_the_others_move(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    phases = config({"freeze": ("model.embed_tokens", "model.layers.0"), **EVERYTHING}, {"freeze": ("model",)})
    before = new_classifier(encoder, LABELS, phases, 1).state_dict()
    results = finetune(packed, tokenizer, encoder, phases, tmp_path)
    first, second = load(tmp_path / "0-phase0" / "model"), load(tmp_path / "1-phase1" / "model")
    for name, value in before.items():
        frozen = name.startswith(("model.embed_tokens", "model.layers.0"))
        assert torch.equal(first[name], value) == frozen, name
        assert torch.equal(second[name], first[name]) == name.startswith("model"), name
    sizes = [sum(v.numel() for n, v in before.items() if n.startswith(start)) for start in (("model.embed_tokens", "model.layers.0"), "model")]
    assert [result["frozen_values"] for result in results] == sizes
    assert dict.fromkeys(before, True) == {name: torch.equal(value, second[name]) for name, value in load(tmp_path / "model").items()}


def test_freeze_starts_what_it_does_not_name(tiny_bert_of: Callable[..., Any]) -> None:
    model = tiny_bert_of(50)
    assert freeze(model, ("bert.embeddings",)) == sum(p.numel() for p in model.bert.embeddings.parameters())
    assert freeze(model, ("classifier",)) == 3 * 32 + 3
    assert model.bert.embeddings.word_embeddings.weight.requires_grad
    assert not model.classifier.bias.requires_grad
    assert freeze(model, ()) == 0
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(("names", "sentence"), [
    (("bert.embeddings", "roberta"), r"freeze names 'roberta', but no parameter begins so; parameters look like 'bert\.embeddings"),
    (("bert", "classifier"), r"freeze leaves nothing to train; name fewer layers"),
])
def test_freezing_nothing_or_everything_is_refused(tiny_bert_of: Callable[..., Any], names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        freeze(tiny_bert_of(50), names)


def test_classifier_takes_the_encoder_or_starts_anew(encoder: Path) -> None:
    trained = EuroBertForMaskedLM.from_pretrained(encoder).model.state_dict()
    taken, anew = (new_classifier(encoder, LABELS, config({}, pretrained=flag, dropout=0.3), 1) for flag in (True, False))
    assert all(torch.equal(value, trained[name]) for name, value in taken.model.state_dict().items())
    assert not torch.equal(anew.get_input_embeddings().weight, trained["embed_tokens.weight"])
    for model in (taken, anew):
        assert (model.config.id2label, model.config.attention_dropout) == (dict(enumerate(LABELS)), 0.3)
        assert model.classifier.weight.shape == (3, 32)
    heads = [new_classifier(encoder, LABELS, config({}), seed).classifier.weight for seed in (1, 1, 2)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_batches_are_the_rows_with_their_labels(packed: PackedCorpus, tokenizer: Any, table_rows: list[dict[str, Any]]) -> None:
    data = rows_of(packed, tokenizer, length=9)
    batch = data.batch(np.arange(12), 1, 0, "cpu")
    for place, row in enumerate(data.rows[:12]):
        ids = packed.input_ids(row).tolist()[:7]
        width = len(ids) + 2
        assert batch.input_ids[place].tolist() == [2, *ids, 3] + [0] * (batch.input_ids.shape[1] - width)
        assert batch.attention_mask[place].sum() == width == data.lengths()[place]
        assert LABELS[batch.labels[place]] == table_rows[row]["label"]
    assert batch.input_ids.shape[1] == 9
    assert {value.device.type for value in vars(data.batch(np.arange(3), 1, 0, "meta")).values()} == {"meta"}


def test_noise_follows_seed_and_step_and_spares_development(packed: PackedCorpus, tokenizer: Any) -> None:
    noisy = rows_of(packed, tokenizer, augmenter=Augmenter(AugmentationConfig(word_dropout=1.0, strength=0.5), tokenizer))
    first, again, other = (noisy.batch(np.arange(20), 1, step, "cpu").input_ids for step in (1, 1, 2))
    plain = rows_of(packed, tokenizer).batch(np.arange(20), 1, 1, "cpu").input_ids
    assert torch.equal(first, again)
    assert first.tolist() != other.tolist()
    assert (first != 0).sum() < (plain != 0).sum()


def test_development_score_by_hand(held_out: PackedCorpus, tokenizer: Any, tiny_bert_of: Callable[..., Any]) -> None:
    """A model that always says neutral: F1 0, 50 and 0 in every language, since a third of the rows is neutral."""
    model = tiny_bert_of(len(tokenizer)).eval()
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    data = rows_of(held_out, tokenizer, "development")
    score, loss = development_score(model, data, device="cpu", batch_rows=7)
    assert score == pytest.approx(50 / 3)
    shares = torch.log_softmax(torch.tensor([0.0, 1.0, 0.0]), 0)
    assert loss == pytest.approx(-shares.mean().item(), rel=1e-5)


def test_development_score_does_not_depend_on_batches(held_out: PackedCorpus, tokenizer: Any, tiny_bert_of: Callable[..., Any]) -> None:
    model, data = tiny_bert_of(len(tokenizer), seed=5).eval(), rows_of(held_out, tokenizer)
    one, many = (development_score(model, data, device="cpu", batch_rows=rows) for rows in (10_000, 11))
    assert one == pytest.approx(many, rel=1e-5)
    batch = data.batch(np.arange(len(data.rows)), 0, 0, "cpu")
    logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
    assert one[1] == pytest.approx(cross_entropy(logits, batch.labels).item(), rel=1e-5)


def test_finished_phases_are_kept_when_resuming(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    phases = config(EVERYTHING, {"datasets": ("umsab",), "sampling": Sampling(epoch_rows=30), "freeze": ("model.embed_tokens",)})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    results = finetune(packed, tokenizer, encoder, phases, whole)
    assert [result["phase"] for result in results] == ["phase0", "phase1"]
    assert results[1]["rows"] < results[0]["rows"]
    shutil.copytree(whole / "0-phase0", killed / "0-phase0")
    steps: list[int] = []
    finetune(packed, tokenizer, encoder, phases, killed, resume=True, progress=lambda done, total: steps.append(done))
    assert steps == [1, 2, 3, 4, 5, 6]  # the second phase alone
    assert read_log(killed / "1-phase1") == read_log(whole / "1-phase1")
    expected = load(whole / "model")
    assert all(torch.equal(value, expected[name]) for name, value in load(killed / "model").items())


def test_loss_is_smoothed_and_adversarial(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    logs = {}
    for name, phase in {"plain": {}, "smooth": {"label_smoothing": 0.5}, "fgm": {"adversarial": AdversarialConfig(method="fgm")}}.items():
        finetune(packed, tokenizer, encoder, config(phase, dropout=0.0), tmp_path / name)
        logs[name] = read_log(tmp_path / name / "0-phase0")
    assert logs["plain"][0]["loss"] == logs["fgm"][0]["loss"] != logs["smooth"][0]["loss"]
    assert [("adversarial_loss" in entry) for entry in (logs["plain"][0], logs["fgm"][0])] == [False, True]
    assert logs["plain"][5]["loss"] != logs["fgm"][5]["loss"]


def test_soup_is_the_mean_of_its_seeds(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    phases = config({"soup": 3, "freeze": ("model.embed_tokens",)})
    (result,) = finetune(packed, tokenizer, encoder, phases, tmp_path)
    kept = [load_file(tmp_path / "0-phase0" / f"seed-{seed}" / "kept.safetensors") for seed in (1, 2, 3)]
    assert [read_log(tmp_path / "0-phase0" / f"seed-{seed}")[-1]["step"] for seed in (1, 2, 3)] == [6, 6, 6]
    assert not torch.equal(kept[0]["classifier.weight"], kept[1]["classifier.weight"])
    scores = [result["soup_score"], *result["single_scores"]]
    best = int(np.argmax(scores))
    expected = {name: torch.stack([weights[name] for weights in kept]).mean(0) for name in kept[0]} if best == 0 else kept[best - 1]
    assert all(torch.equal(value, expected[name]) for name, value in load(tmp_path / "model").items())
    assert (result["kept"], result["steps"], result["soup"]) == ("soup" if best == 0 else f"seed {best}", 18, 3)
    with pytest.raises(ConfigError, match=r"phase 'a' has a soup of 0 runs, expected 1 or more"):
        PhaseConfig("a", soup=0)


def test_lexicon_stands_in_the_first_features(tiny_bert_of: Callable[..., Any]) -> None:
    model = tiny_bert_of(50)
    weight = model.get_input_embeddings().weight
    before = weight.detach().clone()
    said = np.zeros((40, 6), dtype=np.float32)
    said[7, 2], said[9, 5] = 3.0, -4.0
    write_lexicon(model, said, 0.5)
    written = weight.detach()[:40, :6].numpy()
    assert written == pytest.approx(said * 0.5 / np.sqrt(12.5), abs=1e-6)
    assert torch.equal(weight.detach()[40:], before[40:])
    assert torch.equal(weight.detach()[:, 6:], before[:, 6:])
    write_lexicon(model, np.zeros((40, 6), dtype=np.float32), 0.5)
    assert not weight.detach()[:40, :6].any()
    with pytest.raises(ConfigError, match="lexicon has 33 values a piece, the embeddings have 32; set teacher lexicon to 0"):
        write_lexicon(model, np.ones((50, 33), dtype=np.float32), 0.5)


def test_phases_share_lessons_and_go_on_after_a_kill(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    teacher = TeacherConfig(datasets=("umsab",), mixed=0.5, mixtures=60, lexicon=0.2)
    phases = config({"teacher": teacher}, {"teacher": dataclasses.replace(teacher, lexicon=0.0)}, dropout=0.0)
    short = config(*({"teacher": phase.teacher, "loop": dataclasses.replace(LOOP, save_every_seconds=0.0)} for phase in phases.phases), dropout=0.0)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finetune(packed, tokenizer, encoder, phases, whole)
    assert [path.name for path in whole.rglob("lessons.npz")] == ["lessons.npz"]
    steps: list[int] = []

    def die(done: int, total: int) -> None:
        steps.append(done)
        if len(steps) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(packed, tokenizer, encoder, short, killed, progress=die)
    finetune(packed, tokenizer, encoder, short, killed, resume=True)
    assert steps == [1, 2, 3, 4, 5, 6, 1, 2, 3]
    assert read_log(killed / "1-phase1") == read_log(whole / "1-phase1")
    expected = load(whole / "model")
    assert all(torch.equal(value, expected[name]) for name, value in load(killed / "model").items())


def test_wide_half_is_measured_and_then_learns_the_development_rows(
    held_out: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Score and cross-entropy are of a wide half that has not seen the rows; the one that is kept has, where the settings say so."""
    plain = dataclasses.replace(config({}, dropout=0.0), phases=(PhaseConfig("a", loop=LOOP),))
    teacher = TeacherConfig(datasets=("umsab", "talks"), strength=10.0, buckets=4096)
    wide = dataclasses.replace(plain, wide=WideConfig(share=0.75, teacher=teacher))
    results = finetune(held_out, tokenizer, encoder, wide, tmp_path / "train")
    assert [result["phase"] for result in results] == ["a", "wide"]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "train" / "model").eval()
    assert (model.config.model_type, model.config.wide_share) == ("wide-deep-eurobert", 0.75)
    rows = held_out.select(split="development", labelled=True)
    development = Labelled(held_out, rows, tokenizer, None, 48)
    assert development_score(model, development, device="cpu") == pytest.approx((results[1]["score"], results[1]["cross_entropy"]), abs=1e-4)
    finetune(held_out, tokenizer, encoder, plain, tmp_path / "plain")
    encoder_alone = load(tmp_path / "plain" / "model")
    assert all(torch.equal(value, load(tmp_path / "train" / "model")[name]) for name, value in encoder_alone.items())

    more = dataclasses.replace(wide, wide=dataclasses.replace(wide.wide, development=True))
    shutil.copytree(tmp_path / "train", tmp_path / "both")
    shutil.rmtree(tmp_path / "both" / "wide")
    again = finetune(held_out, tokenizer, encoder, more, tmp_path / "both", resume=True)
    assert {key: again[1][key] for key in ("score", "cross_entropy")} == pytest.approx({key: results[1][key] for key in ("score", "cross_entropy")})
    learnt = AutoModelForSequenceClassification.from_pretrained(tmp_path / "both" / "model").eval()
    assert development_score(learnt, development, device="cpu")[1] < results[1]["cross_entropy"]
    monkeypatch.setattr(finetuning, "Teacher", None)  # from here on nothing may be fitted
    assert finetune(held_out, tokenizer, encoder, more, tmp_path / "both", resume=True) == again


def test_unknown_dataset_is_refused(packed: PackedCorpus, tokenizer: Any, encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"has no dataset 'nowhere'; it has"):
        finetune(packed, tokenizer, encoder, config({"datasets": ("nowhere",)}), tmp_path)


def test_other_seed_changes_nothing_else() -> None:
    changed = with_seed(config({}, {"label_smoothing": 0.2}), 9)
    assert [phase.loop.seed for phase in changed.phases] == [9, 9]
    assert with_seed(changed, LOOP.seed) == config({}, {"label_smoothing": 0.2})
