"""An encoder-decoder Transformer of our own: how it is built, and how it is trained on sentence pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import M2M100Config, M2M100ForConditionalGeneration

from models.data.pack import PackedCorpus
from models.disk import replacing
from models.errors import ConfigError
from models.progress import Progress, no_progress
from models.training.adversarial import AdversarialConfig, backward_perturbed
from models.training.batches import BatchPlan
from models.training.finetuning import freeze
from models.training.loop import LoopConfig, TrainingLoop
from models.training.pair_noise import NoiseConfig
from models.training.pairs import IGNORED, PairBatch, PairBatcher, PairSampling, PairTable
from models.training.warm_start import warm_start

ROUND = 128  # rows of the vocabulary layer are a multiple of it


@dataclass(frozen=True)
class TranslatorConfig:
    """Size of the model."""

    hidden_size: int = 512
    encoder_layers: int = 6
    decoder_layers: int = 3
    num_attention_heads: int = 8
    intermediate_size: int = 2_048
    max_length: int = 128  # positions of source and target, special tokens included
    dropout: float = 0.1


@dataclass(frozen=True)
class TranslationTrainingConfig:
    """Settings of the training stage."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    sampling: PairSampling = field(default_factory=PairSampling)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    warm_start: str = ""  # folder of a pre-trained encoder whose embeddings and attention the encoder starts from; "" = random weights
    label_smoothing: float = 0.1
    freeze: tuple[str, ...] = ()  # beginnings of parameter names that stay as they are
    development_pairs: int = 2_000  # most development pairs looked at


def new_translator(config: TranslatorConfig, tokenizer: Any, seed: int) -> Any:
    """An M2M100 model (pre-norm, sinusoidal positions, one embedding for source, target and output) with random weights."""
    torch.manual_seed(seed)
    if config.hidden_size % config.num_attention_heads:
        raise ConfigError(f"hidden_size is {config.hidden_size}, expected a multiple of the {config.num_attention_heads} heads.")
    settings = M2M100Config(
        vocab_size=len(tokenizer), d_model=config.hidden_size, max_position_embeddings=config.max_length,
        encoder_layers=config.encoder_layers, decoder_layers=config.decoder_layers,
        encoder_attention_heads=config.num_attention_heads, decoder_attention_heads=config.num_attention_heads,
        encoder_ffn_dim=config.intermediate_size, decoder_ffn_dim=config.intermediate_size,
        dropout=config.dropout, attention_dropout=0.0, activation_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.sep_token_id, eos_token_id=tokenizer.sep_token_id,
        decoder_start_token_id=tokenizer.sep_token_id, init_std=config.hidden_size**-0.5, tie_word_embeddings=True,
    )
    # Matrix products in eager attention are several times faster backwards than the fused kernel on a CPU.
    return M2M100ForConditionalGeneration._from_config(settings, attn_implementation="eager")


def translation_loss(model: Any, batch: PairBatch, label_smoothing: float = 0.0, embeds: torch.Tensor | None = None) -> torch.Tensor:
    """Mean cross-entropy in nats of the target tokens, of the source or of given embeddings of it; only target tokens go through the vocabulary layer."""
    source = {"input_ids": batch.input_ids} if embeds is None else {"inputs_embeds": embeds}
    hidden = model.model(**source, attention_mask=batch.attention_mask, decoder_input_ids=batch.decoder_input_ids, use_cache=False).last_hidden_state
    labels = batch.labels.flatten()
    kept = labels != IGNORED
    # A round number of rows: matrix kernels on a CPU are compiled for every new shape.
    rows = torch.argsort(~kept, stable=True)[: math.ceil(int(kept.sum()) / ROUND) * ROUND]
    return cross_entropy(model.lm_head(hidden.flatten(0, 1)[rows]).float(), labels[rows], ignore_index=IGNORED, label_smoothing=label_smoothing)


def development_loss(model: Any, data: PairBatcher, indices: np.ndarray, *, device: str, tokens: int) -> float:
    """Mean over directions of the cross-entropy in nats a target token."""
    sums, counts = np.zeros(len(data.table.directions)), np.zeros(len(data.table.directions))
    lengths = data.table.lengths().sum(1)
    with torch.inference_mode():
        for direction in range(len(sums)):
            own = indices[data.table.direction[indices] == direction]
            own = own[np.argsort(lengths[own], kind="stable")]
            for part in np.array_split(own, max(1, int(lengths[own].sum() // tokens))):
                if len(part):
                    batch = data.batch(part, 0, 0, device)
                    count = int((batch.labels != IGNORED).sum())
                    sums[direction] += translation_loss(model, batch).item() * count
                    counts[direction] += count
    known = counts > 0
    return float((sums[known] / counts[known]).mean())


def train_translator(
    corpus: PackedCorpus, tokenizer: Any, directions: tuple[str, ...], model_config: TranslatorConfig, config: TranslationTrainingConfig,
    folder: str | Path, *, device: str = "cpu", resume: bool = False, progress: Progress = no_progress,
) -> dict[str, Any]:
    """Trains a translator and saves it in `folder`/model; returns what the loop returns plus pairs and padding."""
    length = model_config.max_length
    model = new_translator(model_config, tokenizer, config.loop.seed).to(device)
    warmed = warm_start(model, tokenizer, config.warm_start) if config.warm_start else 0
    frozen = freeze(model, config.freeze)
    table = PairTable(corpus, directions, split="train", max_length=length)
    data = PairBatcher(table, tokenizer, length, config.noise)
    plan = BatchPlan(table.lengths(), table.weights(config.sampling), epoch_rows=config.sampling.epoch_pairs or len(table),
                     tokens=config.loop.batch_tokens, seed=config.loop.seed)
    development = PairBatcher(PairTable(corpus, directions, split="development", max_length=length), tokenizer, length)
    looked_at = np.random.default_rng(1).permutation(len(development.table))[: config.development_pairs]

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        batch = data.batch(indices, config.loop.seed, step, device)
        return backward_perturbed(lambda: model.get_input_embeddings()(batch.input_ids), batch.attention_mask,
                                  lambda embeds: translation_loss(model, batch, config.label_smoothing, embeds), config.adversarial)

    def evaluate(model: Any) -> float:
        return -development_loss(model, development, looked_at, device=device, tokens=config.loop.batch_tokens)

    loop = TrainingLoop(model, plan, config.loop, folder)
    looks = evaluate if len(looked_at) and config.loop.evaluate_every else None
    result = loop.run(loss, evaluate=looks, resume=resume, progress=progress)
    with replacing(Path(folder) / "model") as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return {**result, "pairs": len(table), "frozen_values": frozen, "warm_values": warmed, "padding_percent": plan.padding_waste()}
