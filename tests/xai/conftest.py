"""Tiny translators of three architectures saved to disk once a session, with random weights large enough to have something to explain."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers import models as tokenizer_models
from transformers import BartConfig, BartForConditionalGeneration, MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from models.loading import load_translator
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from models.training.translation import TranslatorConfig, new_translator
from models.translator import Translator

SENTENCES = (
    "We drink tea in the garden today.",
    "今天我们在花园里喝茶。",
    "Wir trinken heute Tee im Garten.",
    "My brother bought two books.",
    "我哥哥买了两本书。",
    "Mein Bruder hat zwei Bücher gekauft.",
)
PIECES = 156  # beside the special tokens
TAGS = ("<2de>", "<2en>", "<2zh>")
TRANSLATORS = ("m2m100", "marian", "bart")


@pytest.fixture(scope="session")
def translator_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints root with m2m100 (our own kind, with tags), marian (embeddings scaled outside their layer) and bart."""
    root = tmp_path_factory.mktemp("translators")
    ours = train_tokenizer(SENTENCES * 3, TokenizerConfig(vocab_size=420, min_frequency=2, max_piece_length=3, max_length=48, lowercase=False), TAGS)
    size = TranslatorConfig(hidden_size=32, encoder_layers=2, decoder_layers=2, num_attention_heads=2, intermediate_size=64, max_length=48)
    _save(new_translator(size, ours, 0), ours, root / "m2m100")
    torch.manual_seed(1)
    pieces = _pieces()
    shape: dict[str, Any] = {
        "vocab_size": len(pieces), "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 48, "eos_token_id": 1,
        "scale_embedding": True, "init_std": 0.2, "forced_eos_token_id": None,
    }
    _save(MarianMTModel(MarianConfig(**shape, pad_token_id=0, decoder_start_token_id=0)), pieces, root / "marian")
    _save(BartForConditionalGeneration(BartConfig(**shape, pad_token_id=0, bos_token_id=3, decoder_start_token_id=1)), pieces, root / "bart")
    return root


@pytest.fixture(scope="session", params=TRANSLATORS)
def tiny_translator(request: pytest.FixtureRequest, translator_checkpoints: Path) -> Translator:
    """Each of the tiny translators in turn."""
    return load_translator(str(translator_checkpoints / request.param))


@pytest.fixture(scope="session")
def tiny_m2m100(translator_checkpoints: Path) -> Translator:
    """The tiny translator of our own kind."""
    return load_translator(str(translator_checkpoints / "m2m100"))


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _pieces() -> PreTrainedTokenizerFast:
    """A unigram tokenizer without a mask token, as Marian's models have; put together here, since its trainer comes out differently each time."""
    counts: Counter[str] = Counter()
    for sentence in SENTENCES:
        for word in sentence.split():
            marked = f"▁{word}"
            longest = 1 if any("一" <= character <= "鿿" for character in word) else 3  # a Chinese character is a piece
            counts.update(marked[start:end] for start in range(len(marked)) for end in range(start + 1, min(len(marked), start + longest) + 1))
    ranked = sorted(counts, key=lambda piece: (len(piece) > 1, -counts[piece] * len(piece), piece))[:PIECES]  # all characters first
    total = sum(counts[piece] for piece in ranked)
    special = [(name, 0.0) for name in ("<pad>", "</s>", "<unk>", "<s>")]
    tokenizer = Tokenizer(tokenizer_models.Unigram([*special, *((piece, math.log(counts[piece] / total)) for piece in ranked)], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=48)
