"""Loading models that strangers wrote: safetensors only, no remote code, and checked before anyone sees a number."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification, AutoTokenizer

from models.architecture import WideDeepConfig
from models.classifier import Classifier
from models.errors import CheckpointError
from models.languages import read_scheme
from models.translator import Translator

ROOT_VARIABLE = "CULTURELENS_CHECKPOINTS"
MAX_PARAMETERS = 3_000_000_000  # of a configuration, before anything is built from it
DEFAULT_LENGTH = 512  # positions of a model whose settings name none
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "source.spm", "tokenizer_config.json")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def checkpoints_root() -> Path:
    """The folder of the embedded models."""
    return Path(os.environ.get(ROOT_VARIABLE) or Path(__file__).resolve().parents[1] / "checkpoints")


def list_checkpoints() -> list[str]:
    """Names of the model folders under the checkpoints root, sorted."""
    root = checkpoints_root()
    return sorted(path.parent.name for path in root.glob("*/config.json")) if root.is_dir() else []


def read_task(name_or_path: str) -> str:
    """What a model is for, from its settings alone: "translation" for an encoder-decoder, else "sentiment".

    Raises:
        CheckpointError: There is no such model, or its settings cannot be read.
    """
    return "translation" if getattr(_read_config(_resolve(name_or_path)), "is_encoder_decoder", False) else "sentiment"


def load_classifier(name_or_path: str) -> Classifier:
    """A checked classifier, ready to predict and explain, in float32 with eager attention.

    Args:
        name_or_path: A name under checkpoints/, a folder, or a hub id such as `owner/name`.

    Raises:
        CheckpointError: The folder is missing, half-written, has no classification head or tokenizer, or weights that
            are not finite.
    """
    source = _resolve(name_or_path)
    config = _read_config(source)
    if getattr(config, "num_labels", 0) < 2:
        raise CheckpointError(f"{source} has {getattr(config, 'num_labels', 0)} label, expected at least 2; load a classifier.")
    tokenizer = _read_tokenizer(source)
    model = _read_model(source, config, AutoModelForSequenceClassification, "a classifier")
    labels = _read_labels(source, config)
    _check_vocabulary(source, model, tokenizer)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    folder = Path(source)
    return Classifier(
        folder.name if folder.is_dir() else source, model.to(device), tokenizer, labels=labels,
        max_length=_usable_length(source, config, tokenizer), fingerprint=_fingerprint(folder, model), card=_read_card(folder),
    )


def load_translator(name_or_path: str) -> Translator:
    """A checked translation model, ready to translate and explain, in float32 with eager attention.

    Args:
        name_or_path: A name under checkpoints/, a folder, or a hub id such as `owner/name`.

    Raises:
        CheckpointError: The folder is missing, half-written, is no encoder-decoder, has no tokenizer or lacks the token of a language
            it is said to translate, or weights that are not finite.
    """
    source = _resolve(name_or_path)
    config = _read_config(source)
    if not getattr(config, "is_encoder_decoder", False):
        raise CheckpointError(f"{source} is a {config.model_type} model without encoder and decoder; load a translation model.")
    tokenizer = _read_tokenizer(source)
    model = _read_model(source, config, AutoModelForSeq2SeqLM, "a translation model")
    _check_vocabulary(source, model, tokenizer)
    for name in ("decoder_start_token_id", "eos_token_id"):
        if not isinstance(getattr(model.config, name, None), int):
            raise CheckpointError(f"{source} has no {name}, with which a translation starts or ends; mend config.json.")
    folder = Path(source)
    card = _read_card(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Translator(
        folder.name if folder.is_dir() else source, model.to(device), tokenizer, scheme=read_scheme(tokenizer, config, card),
        max_length=_usable_length(source, config, tokenizer), fingerprint=_fingerprint(folder, model), card=card,
    )


def _resolve(name_or_path: str) -> str:
    """The folder of a known name, an existing folder, or a hub id."""
    known = checkpoints_root() / name_or_path
    if re.fullmatch(r"[\w.-]+", name_or_path) and os.path.isfile(known / "config.json"):
        return str(known)
    path = Path(name_or_path)
    if os.path.isdir(path):  # unlike Path.is_dir, False for a name that no file can have
        if not (path / "config.json").is_file():
            raise CheckpointError(f"{path} has no config.json; give a folder that save_pretrained wrote.")
        return str(path)
    if _HUB_NAME.fullmatch(name_or_path) and ".." not in name_or_path:
        return name_or_path
    names = ", ".join(list_checkpoints()) or "none"
    raise CheckpointError(f"There is no model {name_or_path!r}; give one of the embedded names ({names}), a folder, or owner/name.")


def _read_config(source: str) -> Any:
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise CheckpointError(f"The settings of {source} cannot be read ({_short(error)}); fetch the model again.") from error
    layers = (getattr(config, "num_hidden_layers", 0) or 0) + (getattr(config, "decoder_layers", 0) or 0)
    hidden = getattr(config, "hidden_size", 0) or 0
    vocabulary = getattr(config, "vocab_size", 0) or 0
    size = hidden * (vocabulary + 12 * layers * hidden)
    if isinstance(config, WideDeepConfig):
        size += (vocabulary + config.wide_buckets) * config.wide_experts * (config.num_labels + 1) + vocabulary * config.longest_piece
    if size > MAX_PARAMETERS:
        raise CheckpointError(f"{source} would have about {size:,} parameters, the limit is {MAX_PARAMETERS:,}; load a smaller model.")
    return config


def _read_tokenizer(source: str) -> Any:
    if Path(source).is_dir() and not any((Path(source) / name).is_file() for name in TOKENIZER_FILES):
        raise CheckpointError(f"{source} has no tokenizer; save the tokenizer into the same folder.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise CheckpointError(f"The tokenizer of {source} cannot be read ({_short(error)}); save it into the folder again.") from error
    if not len(tokenizer):
        raise CheckpointError(f"The tokenizer of {source} is empty; save the tokenizer into the folder again.")
    return tokenizer


def _read_model(source: str, config: Any, architecture: Any, needed: str) -> Any:
    """The model with its own weights in every place, all of them finite."""
    try:
        model, information = architecture.from_pretrained(
            source, config=config, trust_remote_code=False, use_safetensors=True, dtype=torch.float32,
            attn_implementation="eager", output_loading_info=True,
        )
    except Exception as error:
        raise CheckpointError(
            f"The weights of {source} cannot be read ({_short(error)}); a whole safetensors file of {needed} is needed."
        ) from error
    missing = sorted(key for key in information["missing_keys"] if "position_ids" not in key)
    if missing:
        raise CheckpointError(f"{source} has no weights for {missing[0]} and would answer at random; load {needed} that has been trained.")
    if information.get("mismatched_keys"):
        raise CheckpointError(f"{source} has weights of another shape than its settings say; fetch the model again.")
    for name, values in model.named_parameters():
        if values.numel() and not torch.stack(values.aminmax()).isfinite().all():  # NaN spreads; without a copy of the weights
            raise CheckpointError(f"The weights {name} of {source} are not finite (NaN or infinite); fetch the model again.")
    return model.eval().requires_grad_(False)


def _read_labels(source: str, config: Any) -> tuple[str, ...]:
    """Names of the classes in the order of the logits, all different."""
    numbers = range(config.num_labels)
    if set(config.id2label) != set(numbers):
        raise CheckpointError(f"{source} numbers its labels {list(config.id2label)}, expected {list(numbers)}; mend id2label in config.json.")
    labels = tuple(str(config.id2label[number]) for number in numbers)
    if len(set(labels)) != len(labels):
        raise CheckpointError(f"{source} names the labels {list(labels)}, expected different names; mend id2label in config.json.")
    return labels


def _check_vocabulary(source: str, model: Any, tokenizer: Any) -> None:
    """Refuses a tokenizer that belongs to another model: its ids would lie outside the embeddings."""
    largest, rows = max(tokenizer.get_vocab().values()), model.get_input_embeddings().num_embeddings
    if largest >= rows:
        raise CheckpointError(f"The tokenizer of {source} gives ids up to {largest}, the model knows {rows}; save model and tokenizer together.")


def _usable_length(source: str, config: Any, tokenizer: Any) -> int:
    """Positions a text may fill; RoBERTa-type models count theirs from behind the padding id."""
    positions = getattr(config, "max_position_embeddings", None) or DEFAULT_LENGTH
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "longformer"):
        if config.pad_token_id is None:
            raise CheckpointError(f"{source} has no pad_token_id, from which its positions count; mend config.json.")
        positions -= config.pad_token_id + 1
    stated = getattr(tokenizer, "model_max_length", None) or positions
    if not isinstance(stated, int | float) or min(positions, stated) <= tokenizer.num_special_tokens_to_add():
        raise CheckpointError(f"{source} has {positions} positions and model_max_length {stated!r}, which leaves a text no room; mend them.")
    return int(min(positions, stated))


def _fingerprint(folder: Path, model: Any) -> str:
    """SHA-256 over the files that decide what the model says, or over the weights of a hub model."""
    digest = hashlib.sha256()
    if folder.is_dir():
        names = ("config.json", "merges.txt", "added_tokens.json", *TOKENIZER_FILES)
        for path in sorted([*folder.glob("*.safetensors"), *(folder / name for name in names)]):
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    else:
        for name, values in sorted(model.state_dict().items()):
            digest.update(name.encode())
            digest.update(values.cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _read_card(folder: Path) -> dict[str, Any]:
    """The front matter of the model card and the evaluation beside it; a missing or broken card is an empty one."""
    card: dict[str, Any] = {}
    readme, evaluation = folder / "README.md", folder / "evaluation.json"
    if readme.is_file():
        parts = readme.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
        if len(parts) == 3 and not parts[0].strip():
            card = {"metadata": _read_mapping(yaml.safe_load, parts[1]), "text": parts[2]}
    if evaluation.is_file():
        card["evaluation"] = _read_mapping(json.loads, evaluation.read_text(encoding="utf-8", errors="replace"))
    return card


def _read_mapping(parse: Callable[[str], Any], text: str) -> dict[str, Any]:
    """What a parser makes of a stranger's text, empty unless it is a mapping."""
    try:
        content = parse(text)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: not JSON, or a date such as 2024-13-45
        return {}
    return content if isinstance(content, dict) else {}


def _short(error: Exception) -> str:
    """The first line of an error, and the next where it ends in a colon, shortened, for a sentence."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1])[:160]
