"""A trained classifier under another vocabulary: fast vocabulary transfer (Gee et al. 2022)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import BertForSequenceClassification

from models.errors import ConfigError
from models.training.tokenizer import load_tokenizer


def transplant(source: str | Path, tokenizer: Any, **settings: Any) -> BertForSequenceClassification:
    """The classifier of a folder with its embeddings rebuilt for a tokenizer.

    A piece that both know keeps its embedding; a new one gets the mean of those of the old pieces that spell it. Everything
    above the embeddings stays.

    Args:
        source: Folder of the classifier and its tokenizer, both of this project's kind.
        tokenizer: The new tokenizer.
        settings: Changed settings of the model, e.g. hidden_dropout_prob.

    Raises:
        ConfigError: The folder is missing or has no tokenizer.
    """
    if not (Path(source) / "config.json").is_file():
        raise ConfigError(f"{source} has no config.json; give the folder of a classifier that was trained before.")
    old = load_tokenizer(source)
    model = BertForSequenceClassification.from_pretrained(str(source), dtype=torch.float32, **settings)  # saved in half precision, trained in full
    before = model.get_input_embeddings().weight.detach()
    after = torch.zeros(len(tokenizer), before.shape[1])
    known, speller = old.get_vocab(), old.backend_tokenizer.model
    for piece, number in tokenizer.get_vocab().items():
        spelt = [known[piece]] if piece in known else [token.id for token in speller.tokenize(piece)]
        after[number] = before[spelt].mean(0) if spelt else before.mean(0)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(after)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model
