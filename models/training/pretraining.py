"""Masked-language-model and next-sentence pre-training (Devlin et al. 2019) of a BERT-type encoder (Boizard et al. 2025)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import EuroBertConfig, EuroBertForMaskedLM

from models.data.pack import PackedCorpus
from models.progress import Progress, no_progress
from models.training.batches import BatchPlan, Sampling, pad, sampling_weights
from models.training.loop import LoopConfig, TrainingLoop

NEIGHBOURS = 64  # a wrong next sentence lies within this many places of the right one, sorted by length


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the encoder."""

    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    intermediate_size: int = 512  # of each of the two halves of the gated layer
    max_length: int = 128  # positions
    embedding_range: float = 0.1  # spread of the random embeddings
    dropout: float = 0.1  # share of the attention weights left out


@dataclass(frozen=True)
class PretrainingConfig:
    """Settings of the pre-training stage."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    sampling: Sampling = field(default_factory=Sampling)
    masked_share: float = 0.15  # of the tokens of a text
    pair_share: float = 0.5  # of the rows with a real next sentence that are shown as a pair


@dataclass(frozen=True)
class MaskedBatch:
    """One pre-training batch; all tensors are int64.

    Attributes:
        input_ids, attention_mask: (batch, length).
        masked: Flat indices into batch × length of the positions to predict (masked,).
        originals: The token ids that stood there (masked,).
        next_labels: 0 = the second sentence follows, 1 = it does not, -100 = a single sentence (batch,).
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    masked: torch.Tensor
    originals: torch.Tensor
    next_labels: torch.Tensor


class Masker:
    """Makes masked batches from packed rows."""

    def __init__(self, corpus: PackedCorpus, rows: np.ndarray, tokenizer: Any, config: PretrainingConfig, length: int) -> None:
        """Finds which rows have a real next sentence."""
        self.corpus, self.rows, self.config, self.length = corpus, rows, config, length
        self.cls, self.sep, self.mask, self.pad = (
            tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id, tokenizer.pad_token_id,
        )
        self.first_piece, self.vocab_size = 5, len(tokenizer)
        self.following = _following(corpus.rows[rows])
        candidates = np.flatnonzero(self.following >= 0)
        shown = np.random.default_rng(config.loop.seed).random(len(rows)) < config.pair_share
        self.paired = (self.following >= 0) & shown
        # Next sentences by length: a wrong one is taken from the neighbourhood of the right one, so that length
        # alone tells nothing and the padding of a batch stays what was planned.
        sizes = corpus.rows["length"][rows]
        self.by_length = self.following[candidates][np.argsort(sizes[self.following[candidates]], kind="stable")]
        self.rank = {int(row): place for place, row in enumerate(self.by_length)}

    def lengths(self) -> np.ndarray:
        """Tokens of each row as it will be shown, special ones included (rows,)."""
        sizes = self.corpus.rows["length"][self.rows].astype(np.int64)
        half = (self.length - 3) // 2
        pairs = np.minimum(sizes, half) + np.minimum(sizes[self.following], half) + 3
        return np.asarray(np.where(self.paired, pairs, np.minimum(sizes, self.length - 2) + 2))

    def batch(self, indices: np.ndarray, seed: int, step: int) -> MaskedBatch:
        """A masked batch; the same seed and step give the same one."""
        generator = np.random.default_rng([seed, step])
        sequences, following = [], []
        for index in indices:
            first = self.corpus.input_ids(self.rows[index])
            second, label = self._second(int(index), generator)
            if second is None:
                sequences.append(np.concatenate(([self.cls], first[: self.length - 2], [self.sep])))
            else:
                half = (self.length - 3) // 2
                first, second = first[:half], second[:half]
                sequences.append(np.concatenate(([self.cls], first, [self.sep], second, [self.sep])))
            following.append(label)
        input_ids = pad(sequences, self.pad)
        attention = input_ids != self.pad
        candidates = attention & (input_ids != self.cls) & (input_ids != self.sep)
        chosen = candidates & (generator.random(input_ids.shape) < self.config.masked_share)
        masked = np.flatnonzero(chosen)
        originals = input_ids.ravel()[masked]
        kind = generator.random(len(masked))  # 80 % mask, 10 % random piece, 10 % left as it is
        replaced = np.where(kind < 0.8, self.mask, originals)
        random = generator.integers(self.first_piece, self.vocab_size, len(masked))
        input_ids.ravel()[masked] = np.where((kind >= 0.8) & (kind < 0.9), random, replaced)
        values = (input_ids, attention.astype(np.int64), masked, originals, np.array(following))
        return MaskedBatch(*(torch.from_numpy(np.ascontiguousarray(value)) for value in values))

    def _second(self, index: int, generator: np.random.Generator) -> tuple[np.ndarray | None, int]:
        """The second sentence and its label; single sentences where order is not real."""
        if not self.paired[index]:
            return None, -100
        following = int(self.following[index])
        if generator.random() < 0.5:
            return self.corpus.input_ids(self.rows[following]), 0
        place = self.rank[following] + int(generator.integers(-NEIGHBOURS, NEIGHBOURS + 1))
        other = int(self.by_length[place % len(self.by_length)])
        return self.corpus.input_ids(self.rows[other]), 0 if other == following else 1


def _following(fields: np.ndarray) -> np.ndarray:
    """For each row the index of the next row of its document, -1 where there is none (rows,)."""
    keys = list(zip(fields["document"].tolist(), fields["position"].tolist(), strict=True))
    place = {key: index for index, key in enumerate(keys) if key[0] >= 0}
    return np.array([place.get((document, position + 1), -1) for document, position in keys])


class Encoder(torch.nn.Module):
    """A EuroBERT encoder with its masked-language head and, on the mean over the tokens of a text, a next-sentence head.

    The mean rather than the vector of the classifying token speaks for a text, here and in the classifier: in a small model it
    lets every piece reach the answer from the first step on. Nothing stands between the embeddings and the sum that runs
    through all layers, so what is written into an embedding reaches the end.
    """

    def __init__(self, config: EuroBertConfig, embedding_range: float) -> None:
        """Random weights."""
        super().__init__()
        self.masked = EuroBertForMaskedLM(config)
        torch.nn.init.normal_(self.masked.get_input_embeddings().weight, std=embedding_range)
        self.next_sentence = torch.nn.Linear(config.hidden_size, 2)


def new_encoder(config: EncoderConfig, tokenizer: Any, seed: int) -> Encoder:
    """An encoder with random weights and both heads."""
    torch.manual_seed(seed)
    settings = EuroBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        max_position_embeddings=config.max_length,
        tie_word_embeddings=True,
        classifier_pooling="mean",
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        mask_token_id=tokenizer.mask_token_id,
        **dropout(config.dropout),
    )
    return Encoder(settings, config.embedding_range)


def dropout(share: float) -> dict[str, float]:
    """The settings of the architecture that leave out a share of what is attended to during training."""
    return {"attention_dropout": share}


def pretraining_loss(model: Encoder, batch: MaskedBatch) -> tuple[torch.Tensor, dict[str, float]]:
    """Sum of both losses in nats; only masked positions go through the vocabulary layer."""
    masked = model.masked
    hidden = masked.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
    # the mean of nothing would be NaN: in a short batch it happens that no position was drawn
    scores = masked.lm_head(hidden.flatten(0, 1)[batch.masked]).float()
    masked_loss = cross_entropy(scores, batch.originals, reduction="sum") / max(1, len(batch.masked))
    values = {"masked_loss": masked_loss.item()}
    loss = masked_loss
    paired = batch.next_labels >= 0
    if paired.any():
        seen = batch.attention_mask[paired].unsqueeze(-1)
        pooled = (hidden[paired] * seen).sum(1) / seen.sum(1)
        next_loss = cross_entropy(model.next_sentence(pooled).float(), batch.next_labels[paired])
        loss = loss + next_loss
        values["next_sentence_loss"] = next_loss.item()
    return loss, values


def pretrain(
    corpus: PackedCorpus, tokenizer: Any, encoder: EncoderConfig, config: PretrainingConfig, folder: str | Path,
    *, device: str = "cpu", resume: bool = False, progress: Progress = no_progress,
) -> dict[str, Any]:
    """Trains an encoder and saves it in `folder`/model; returns what the loop returns plus padding and tokens."""
    rows = np.concatenate([corpus.select(split="train"), corpus.select(split="development")])
    model = new_encoder(encoder, tokenizer, config.loop.seed).to(device)
    masker = Masker(corpus, rows, tokenizer, config, encoder.max_length)
    weights = sampling_weights(corpus, rows, config.sampling)
    plan = BatchPlan(masker.lengths(), weights, epoch_rows=config.sampling.epoch_rows or len(rows), tokens=config.loop.batch_tokens, seed=config.loop.seed)

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        batch = masker.batch(indices, config.loop.seed, step)
        total, values = pretraining_loss(model, MaskedBatch(**{k: v.to(device) for k, v in vars(batch).items()}))
        total.backward()
        return values

    loop = TrainingLoop(model, plan, config.loop, folder)
    result = loop.run(loss, resume=resume, progress=progress)
    model.masked.save_pretrained(Path(folder) / "model")
    tokenizer.save_pretrained(Path(folder) / "model")
    return {**result, "padding_percent": plan.padding_waste()}
