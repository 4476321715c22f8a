"""Classifiers with random weights and the tokenizer of the probe sentences, as `save_pretrained` writes them: speed does not need training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoModelForSequenceClassification, EuroBertConfig, XLMRobertaConfig

from audit import read_probe
from models.training.tokenizer import TokenizerConfig, train_tokenizer

SENTIMENT = "configs/sentiment.yaml"
LABELS = {0: "negative", 1: "neutral", 2: "positive"}
SPECIAL = {"pad_token_id": "pad_token_id", "bos_token_id": "cls_token_id", "eos_token_id": "sep_token_id", "mask_token_id": "mask_token_id"}
PIECES = TokenizerConfig(vocab_size=8_000, min_frequency=2, max_length=128)
HEAD = 20.0  # a random head is nearly indifferent; an explanation needs something to explain


def sentiment_sized(**settings: Any) -> EuroBertConfig:
    """Settings of the size of configs/sentiment.yaml."""
    run = yaml.safe_load(Path(SENTIMENT).read_text(encoding="utf-8"))
    encoder = run["encoder"]
    return EuroBertConfig(
        vocab_size=run["tokenizer"]["vocab_size"], hidden_size=encoder["hidden_size"], num_hidden_layers=encoder["num_hidden_layers"],
        num_attention_heads=encoder["num_attention_heads"], intermediate_size=encoder["intermediate_size"],
        max_position_embeddings=encoder["max_length"], classifier_pooling="mean", **settings)


def xlmr_base(**settings: Any) -> XLMRobertaConfig:
    """Settings of the shape of XLM-R base (Conneau et al. 2020), embeddings of its whole vocabulary included."""
    return XLMRobertaConfig(vocab_size=250_002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3_072,
                            max_position_embeddings=514, type_vocab_size=1, **settings)


SHAPES = {"sentiment-sized": sentiment_sized, "XLM-R-base-shaped": xlmr_base}


def save_untrained(shape: str, folder: Path) -> Path:
    """The folder, with a model of one of the SHAPES and a fast tokenizer."""
    tokenizer: Any = train_tokenizer([sentence.text for sentence in read_probe()], PIECES)
    special = {name: getattr(tokenizer, token) for name, token in SPECIAL.items()}
    config = SHAPES[shape](id2label=LABELS, label2id={label: number for number, label in LABELS.items()}, **special)
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "classifier" in name and value.ndim > 1:
                value.mul_(HEAD)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
