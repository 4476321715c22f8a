"""Classifiers of four architectures with random weights, as `save_pretrained` writes them; nothing is ever fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as tokenizer_models
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertJapaneseTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from models.architecture import WideDeepConfig, WideDeepForSequenceClassification, piece_characters
from models.training.tokenizer import TokenizerConfig, train_tokenizer
from tests.conftest import LABELS, TEXTS

SETTINGS = {
    "num_labels": 3,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: number for number, label in enumerate(LABELS)},
}


def save_tiny_models(root: Path) -> Path:
    """Writes bert, xlm-roberta, distilbert, slow (a tokenizer without offsets) and wide-deep (our own architecture) into folders of these names."""
    torch.manual_seed(0)
    ours = train_tokenizer(TEXTS * 3, TokenizerConfig(vocab_size=600, min_frequency=2, max_length=64))
    _save(BertForSequenceClassification(_bert(len(ours))), ours, root / "bert")
    _save(XLMRobertaForSequenceClassification(_xlm_roberta(400)), _sentencepiece_like(), root / "xlm-roberta")
    pieces = _word_pieces()
    _save(DistilBertForSequenceClassification(_distilbert(len(pieces))), pieces, root / "distilbert")
    slow = _slow(root)
    _save(BertForSequenceClassification(_bert(len(slow))), slow, root / "slow")
    _save(_wide_deep(ours), ours, root / "wide-deep")
    return root


def _save(model: torch.nn.Module, tokenizer: object, folder: Path) -> None:
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "classifier" in name and value.ndim > 1:
                value.mul_(20)  # a random head is nearly indifferent; methods need something to explain
    model.save_pretrained(folder)  # type: ignore[operator]
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]


def _wide_deep(tokenizer: Any) -> WideDeepForSequenceClassification:
    characters = piece_characters(tokenizer)
    model = WideDeepForSequenceClassification(WideDeepConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=64,
        classifier_pooling="mean", pad_token_id=tokenizer.pad_token_id, wide_share=0.5, wide_buckets=512, wide_experts=2,
        longest_piece=characters.shape[1], **SETTINGS))
    embedding = model.get_input_embeddings()
    embedding.characters.copy_(torch.from_numpy(characters))
    torch.nn.init.normal_(embedding.pieces.weight, std=0.5)
    torch.nn.init.normal_(embedding.grams.weight, std=0.2)
    return model


def _bert(vocab_size: int) -> BertConfig:
    return BertConfig(vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                      max_position_embeddings=64, **SETTINGS)


def _xlm_roberta(vocab_size: int) -> XLMRobertaConfig:
    return XLMRobertaConfig(vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                            max_position_embeddings=66, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SETTINGS)


def _distilbert(vocab_size: int) -> DistilBertConfig:
    return DistilBertConfig(vocab_size=vocab_size, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64, **SETTINGS)


def _sentencepiece_like() -> PreTrainedTokenizerFast:
    """A unigram tokenizer whose lone "▁" claims the first character of the next piece, as XLM-R's does."""
    tokenizer = Tokenizer(tokenizer_models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        TEXTS * 3, trainers.UnigramTrainer(vocab_size=390, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], unk_token="<unk>", show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>", model_max_length=64,
    )


def _word_pieces() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(tokenizer_models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        TEXTS * 3, trainers.WordPieceTrainer(vocab_size=500, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", unk_token="[UNK]", mask_token="[MASK]",
        model_max_length=64,
    )


def _slow(root: Path) -> BertJapaneseTokenizer:
    characters = sorted({character for text in TEXTS for character in text.lower() if not character.isspace()})
    vocabulary = root / "vocab.txt"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{character}" for character in characters)]
    vocabulary.write_text("\n".join(pieces), encoding="utf-8")
    return BertJapaneseTokenizer(str(vocabulary), word_tokenizer_type="basic", do_lower_case=True, model_max_length=64)
