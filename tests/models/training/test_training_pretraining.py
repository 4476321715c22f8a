"""Pre-training batches: what is masked, with what, which sentences are paired, and that the losses are those of the model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import EuroBertForMaskedLM

from models.data.pack import PackedCorpus
from models.training import pretraining as pretraining_module
from models.training.loop import LoopConfig, read_log
from models.training.pretraining import EncoderConfig, MaskedBatch, Masker, PretrainingConfig, new_encoder, pretrain, pretraining_loss

CLS, SEP, MASK, PAD = 2, 3, 4, 0
HALF = 22  # tokens of each sentence of a pair, of 48 positions with three special tokens
TINY = EncoderConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_length=48, dropout=0.1)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def masker(packed: PackedCorpus, tokenizer: Any, *, length: int = 48, **values: Any) -> Masker:
    return Masker(packed, packed.select(split="train"), tokenizer, PretrainingConfig(**values), length)


def unmasked(batch: MaskedBatch) -> np.ndarray:
    """The batch as it was before masking (batch, length)."""
    ids = batch.input_ids.clone().flatten()
    ids[batch.masked] = batch.originals
    return ids.view_as(batch.input_ids).numpy()


def batches(made: Masker, count: int) -> Iterator[tuple[np.ndarray, MaskedBatch]]:
    indices = np.arange(len(made.rows))
    return ((indices, made.batch(indices, 1, step)) for step in range(count))


def within(count: int, total: int, share: float) -> bool:
    """Whether a count lies within five standard deviations of a binomial."""
    return abs(count - total * share) < 5 * np.sqrt(total * share * (1 - share))


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_share_of_tokens_is_masked_and_split_80_10_10(packed: PackedCorpus, tokenizer: Any, share: float) -> None:
    candidates = masked = mask = kept = 0
    replacements: list[int] = []
    for _, batch in batches(masker(packed, tokenizer, masked_share=share), 25):
        before, shown = unmasked(batch), batch.input_ids.flatten()[batch.masked]
        candidates += int((before >= 5).sum())
        masked += len(batch.masked)
        mask += int((shown == MASK).sum())
        kept += int((shown == batch.originals).sum())
        replacements += shown[(shown != MASK) & (shown != batch.originals)].tolist()
    assert masked > 3_000
    assert within(masked, candidates, share)
    assert within(mask, masked, 0.8)
    assert within(kept, masked, 0.1 + 0.1 / (len(tokenizer) - 5))
    assert within(len(replacements), masked, 0.1)
    assert min(replacements) >= 5
    assert max(replacements) < len(tokenizer)
    assert len(set(replacements)) > 150  # from the whole vocabulary, not from a few


def test_originals_and_shape_of_single_sentences(packed: PackedCorpus, tokenizer: Any) -> None:
    made = masker(packed, tokenizer, pair_share=0.0)
    indices, batch = next(batches(made, 1))
    assert batch.next_labels.tolist() == [-100] * len(indices)
    for row, ids in zip(made.rows, unmasked(batch), strict=True):
        expected = [CLS, *packed.input_ids(row).tolist(), SEP]
        assert ids.tolist() == expected + [PAD] * (len(ids) - len(expected))
    assert torch.equal(batch.attention_mask.sum(1), torch.from_numpy(made.lengths()))
    assert {value.dtype for value in vars(batch).values()} == {torch.int64}


def test_special_tokens_are_never_masked(packed: PackedCorpus, tokenizer: Any) -> None:
    made = masker(packed, tokenizer, masked_share=1.0, pair_share=1.0)
    for _, batch in batches(made, 3):
        before = unmasked(batch)
        assert batch.originals.min() >= 5
        untouched = np.isin(before, (CLS, SEP, PAD))
        assert np.array_equal(batch.input_ids.numpy()[untouched], before[untouched])
        assert len(batch.masked) == (~untouched).sum()
        assert np.array_equal(batch.attention_mask.numpy() == 0, before == PAD)


def test_next_sentence_labels_say_the_truth(
    packed: PackedCorpus, tokenizer: Any, table_rows: list[dict[str, Any]]
) -> None:
    made = masker(packed, tokenizer, pair_share=1.0)
    place = {(row["document"], row["position"]): number for number, row in enumerate(table_rows) if row["document"]}
    labels: list[int] = []
    for indices, batch in batches(made, 12):
        for index, ids, label in zip(indices, unmasked(batch), batch.next_labels.tolist(), strict=True):
            row = table_rows[made.rows[index]]
            following = place.get((row["document"], row["position"] + 1))
            true = following is not None and following in made.rows
            assert (label == -100) == (not true)
            if not true:
                continue
            cut = ids.tolist().index(SEP)
            second = ids[cut + 1 : cut + 1 + ids[cut + 1 :].tolist().index(SEP)].tolist()
            assert ids[1:cut].tolist() == packed.input_ids(made.rows[index]).tolist()[:HALF]
            assert (second == packed.input_ids(following).tolist()[:HALF]) == (label == 0)
            labels.append(label)
    assert within(sum(labels), len(labels), 0.5 - 0.5 / len(made.by_length))


def test_only_rows_of_documents_are_paired(packed: PackedCorpus, tokenizer: Any) -> None:
    every, half, none = (masker(packed, tokenizer, pair_share=share) for share in (1.0, 0.5, 0.0))
    fields = packed.rows[every.rows]
    assert (fields["document"][every.paired] >= 0).all()
    last = fields["position"] == np.where(fields["document"] >= 0, 5, -1)
    assert not every.paired[last].any()
    assert (fields["document"] < 0).sum() == 16  # the ninth of the rows without one, all of them single
    assert 0 < half.paired.sum() < every.paired.sum()
    assert not (half.paired & ~every.paired).any()
    assert not none.paired.any()


def test_next_sentence_of_another_split_is_not_used(packed: PackedCorpus, tokenizer: Any) -> None:
    even = np.flatnonzero(packed.rows["position"] % 2 == 0)  # every neighbour is missing
    assert not Masker(packed, even, tokenizer, PretrainingConfig(pair_share=1.0), 48).paired.any()


def test_wrong_sentence_is_about_as_long_as_the_right_one(
    packed: PackedCorpus, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining_module, "NEIGHBOURS", 2)
    made = masker(packed, tokenizer, pair_share=1.0)
    planned = made.lengths()
    sizes = packed.rows["length"][made.rows[made.by_length]].astype(int)
    assert (np.diff(sizes) >= 0).all()
    for _, batch in batches(made, 5):
        shown = batch.attention_mask.sum(1).numpy()
        right = batch.next_labels.numpy() != 1
        assert np.array_equal(shown[right], planned[right])
        assert np.median(np.abs(shown - planned)[~right]) <= 2


def test_long_sentences_are_cut_to_the_positions(packed: PackedCorpus, tokenizer: Any) -> None:
    made = masker(packed, tokenizer, pair_share=1.0, length=13)
    assert packed.rows["length"][made.rows].min() > 5
    for _, batch in batches(made, 2):
        assert batch.input_ids.shape[1] == 13 == made.lengths().max()
        pairs = unmasked(batch)[batch.next_labels.numpy() >= 0]
        assert (pairs[:, 6] == SEP).all()  # [CLS], five of the first, [SEP], five of the second, [SEP]
        assert (pairs[:, 12] == SEP).all()


def test_same_seed_and_step_give_the_same_batch(packed: PackedCorpus, tokenizer: Any) -> None:
    made, indices = masker(packed, tokenizer), np.arange(40)
    first, again, step, seed = (made.batch(indices, *key) for key in ((1, 5), (1, 5), (1, 6), (2, 5)))
    assert all(torch.equal(a, b) for a, b in zip(vars(first).values(), vars(again).values(), strict=True))
    for other in (step, seed):
        assert first.masked.tolist() != other.masked.tolist()


def test_losses_are_those_of_the_whole_model(packed: PackedCorpus, tokenizer: Any) -> None:
    model = new_encoder(TINY, tokenizer, 1).eval()
    batch = masker(packed, tokenizer, pair_share=1.0).batch(np.arange(30), 1, 0)
    loss, values = pretraining_loss(model, batch)
    output = model.masked(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    masked = cross_entropy(output.logits.flatten(0, 1)[batch.masked], batch.originals)
    paired = np.flatnonzero(batch.next_labels >= 0)
    last = model.masked.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    means = torch.stack([last[row, batch.attention_mask[row] == 1].mean(0) for row in paired])
    following = cross_entropy(model.next_sentence(means), batch.next_labels[paired])
    assert values == pytest.approx({"masked_loss": masked.item(), "next_sentence_loss": following.item()}, rel=1e-5)
    assert loss.item() == pytest.approx(masked.item() + following.item(), rel=1e-5)
    assert values["masked_loss"] == pytest.approx(np.log(len(tokenizer)), abs=0.5)  # nothing is learnt yet


def test_batch_without_masked_positions_has_no_nan(packed: PackedCorpus, tokenizer: Any) -> None:
    model = new_encoder(TINY, tokenizer, 1)
    batch = masker(packed, tokenizer, pair_share=0.0, masked_share=0.0).batch(np.arange(2), 1, 0)
    assert len(batch.masked) == 0
    loss, values = pretraining_loss(model, batch)
    loss.backward()
    assert values == {"masked_loss": 0.0}
    assert all(torch.isfinite(value.grad).all() for value in model.parameters() if value.grad is not None)


def test_new_encoder_has_the_shape_asked_for(tokenizer: Any) -> None:
    model, same, other = (new_encoder(TINY, tokenizer, seed) for seed in (1, 1, 2))
    assert model.masked.get_input_embeddings().weight.shape == (len(tokenizer), 32)
    assert model.masked.config.max_position_embeddings == 48
    assert model.masked.get_input_embeddings().weight.std().item() == pytest.approx(0.1, rel=0.05)
    assert model.masked.get_output_embeddings().weight is model.masked.get_input_embeddings().weight
    first = [next(m.masked.model.layers.parameters()) for m in (model, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])


@pytest.mark.parametrize("device", DEVICES)
def test_pretraining_from_shards_learns_and_saves(
    packed: PackedCorpus, tokenizer: Any, tmp_path: Path, device: str
) -> None:
    """Only shards and manifest are read: the table they came from is not at hand here."""
    config = PretrainingConfig(loop=LoopConfig(steps=60, learning_rate=0.01, batch_tokens=1_024, save_every_seconds=1e9, precision="fp32"))
    result = pretrain(PackedCorpus(packed.folder), tokenizer, TINY, config, tmp_path, device=device)
    masked = [entry["masked_loss"] for entry in read_log(tmp_path)]
    assert np.mean(masked[-10:]) < 0.8 * np.mean(masked[:5])
    assert (result["steps"], result["stopped_early"]) == (60, False)
    assert 0 < result["padding_percent"] < 20  # a hundred rows make small pools; the toy corpus is held to 5
    saved = new_encoder(TINY, tokenizer, 2).eval()
    saved.masked = EuroBertForMaskedLM.from_pretrained(tmp_path / "model")
    batch = masker(packed, tokenizer).batch(np.arange(144 - 16), 9, 9)
    with torch.inference_mode():
        assert pretraining_loss(saved, batch)[1]["masked_loss"] < np.mean(masked[:5]) * 0.8
    assert (tmp_path / "model" / "tokenizer.json").is_file()
