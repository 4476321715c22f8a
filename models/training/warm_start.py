"""Weights of a pre-trained encoder inside a new translator: what has the same meaning and the same shape on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from models.errors import ConfigError
from models.training.tokenizer import load_tokenizer

ATTENTION = {"q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj", "out_proj": "o_proj"}  # ours -> the pre-trained encoder's


def warm_start(model: Any, tokenizer: Any, folder: str | Path) -> int:
    """Copies embeddings of pieces that both vocabularies have, and the attention of each layer; returns how many values were copied.

    The rest differs by architecture (norms, feed-forward layers, the way positions come in) and stays random. Embeddings are scaled
    to the spread of those they replace.

    Raises:
        ConfigError: There is no encoder in the folder, or it has another width.
    """
    if not (Path(folder) / "config.json").is_file():
        raise ConfigError(f"warm_start names {folder}, which has no config.json; give the folder of a pre-trained encoder or leave it empty.")
    encoder = AutoModel.from_pretrained(str(folder), dtype=torch.float32)
    theirs, ours = encoder.get_input_embeddings().weight, model.get_input_embeddings().weight
    if theirs.shape[1] != ours.shape[1]:
        raise ConfigError(f"The encoder in {folder} is {theirs.shape[1]} wide, the translator {ours.shape[1]}; make hidden_size equal.")
    known = load_tokenizer(folder).get_vocab()
    shared = [(number, known[piece]) for piece, number in tokenizer.get_vocab().items() if piece in known]
    copied = 0
    with torch.no_grad():
        places, origins = (torch.tensor(numbers) for numbers in zip(*shared, strict=True))
        found = theirs[origins]
        ours[places] = found * (ours[places].std() / found.std())
        copied += found.numel()
        for own, other in zip(model.model.encoder.layers, encoder.layers, strict=False):
            for name, foreign in ATTENTION.items():
                weight = getattr(other.self_attn, foreign).weight
                getattr(own.self_attn, name).weight.copy_(weight)
                copied += weight.numel()
    return int(copied)
