"""A subword tokenizer without unknowns: byte-pair merges with byte fallback and exact character offsets."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from models.errors import ConfigError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MOST_REPEATS = 4  # of one text, before the repeats of its data set
BYTE_TOKENS = tuple(f"<0x{value:02X}>" for value in range(256))


@dataclass(frozen=True)
class TokenizerConfig:
    """Settings of the tokenizer stage."""

    vocab_size: int = 40_000  # pieces, the 5 special and 256 byte tokens included
    max_piece_length: int = 16  # characters
    min_frequency: int = 3  # a merge seen less often is not made
    limit_alphabet: int = 8_000  # characters that get a piece of their own; rarer ones fall back to bytes
    max_length: int = 128  # tokens a text, special tokens included
    temperature: float = 1.0  # 1 = learnt from all texts once, larger = towards equal characters for every language
    repeats: dict[str, int] = field(default_factory=dict)  # data set -> how often its texts count, for a domain that matters
    lowercase: bool = True  # False keeps case and width of characters, which a translation needs to be written with


def balanced_texts(rows: Sequence[dict[str, Any]], config: TokenizerConfig) -> Iterator[str]:
    """The texts to learn pieces from: languages by characters^(1/temperature), each text a whole number of times.

    The total stays as it is, but no text counts more than MOST_REPEATS times; a text that counts 0.3 times is taken or
    left by the SHA-256 of its content.
    """
    sizes: Counter[str] = Counter()
    for row in rows:
        sizes[row["language"]] += len(row["text"])
    wanted = {language: size ** (1 / config.temperature) for language, size in sizes.items()}
    scale = sum(sizes.values()) / max(sum(wanted.values()), 1.0)
    rates = {language: min(MOST_REPEATS, scale * wanted[language] / max(size, 1)) for language, size in sizes.items()}
    for row in rows:
        rate = rates[row["language"]] * config.repeats.get(row["dataset"], 1)
        chance = int.from_bytes(hashlib.sha256(row["text"].encode("utf-8", "replace")).digest()[:4]) / 2**32
        yield from repeat(row["text"], int(rate) + (chance < rate % 1))


def train_tokenizer(texts: Iterable[str], config: TokenizerConfig, tags: Sequence[str] = ()) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer (Sennrich et al. 2016) learnt from the texts.

    Text is NFKC-normalised and lower-cased (or only NFC-normalised) inside the tokenizer, so offsets still point into the
    text as typed. A character outside the alphabet becomes its UTF-8 bytes, each with the offsets of that character.

    Args:
        texts: What to learn from.
        config: Settings.
        tags: Special tokens that name a target language. With tags a text is closed by [SEP] alone, without [CLS] before it.

    Raises:
        ConfigError: The vocabulary has no room for the special and byte tokens.
    """
    fixed = (*SPECIAL_TOKENS, *tags, *BYTE_TOKENS)
    if config.vocab_size <= len(fixed):
        raise ConfigError(f"vocab_size is {config.vocab_size}, expected more than {len(fixed)} (special and byte tokens).")
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", byte_fallback=True, fuse_unk=False))
    folding = [normalizers.NFKC(), normalizers.Lowercase()] if config.lowercase else [normalizers.NFC()]
    tokenizer.normalizer = normalizers.Sequence([*folding, normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\p{P}\p{S}]"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(prepend_scheme="first"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        limit_alphabet=config.limit_alphabet,
        max_token_length=config.max_piece_length,
        special_tokens=list(fixed),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _finish(tokenizer, config.max_length, tags)


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer saved in a folder.

    Raises:
        ConfigError: The folder holds no tokenizer.json.
    """
    path = Path(folder) / "tokenizer.json"
    if not path.is_file():
        raise ConfigError(f"{path} does not exist; run the tokenizer stage first.")
    return PreTrainedTokenizerFast.from_pretrained(str(folder))


def _finish(tokenizer: Tokenizer, max_length: int, tags: Sequence[str]) -> PreTrainedTokenizerFast:
    """Byte tokens become ordinary pieces (typing "<0x41>" must not produce one) and the template is set."""
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in (*SPECIAL_TOKENS, *tags)]
    finished = Tokenizer.from_str(json.dumps(content))
    finished.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    cls_id, sep_id = finished.token_to_id("[CLS]"), finished.token_to_id("[SEP]")
    finished.post_processor = processors.TemplateProcessing(
        single="$A [SEP]" if tags else "[CLS] $A [SEP]",
        pair="$A [SEP] $B:1 [SEP]:1" if tags else "[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls_id), ("[SEP]", sep_id)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=finished,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=max_length,
        additional_special_tokens=list(tags),
        split_special_tokens=not tags,  # a tag before a text is how other tools name the language; what people type is split all the same
        clean_up_tokenization_spaces=False,
    )
