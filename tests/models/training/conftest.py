"""A tiny packed corpus of invented rows in eight languages, and encoders of two layers with 32 features."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from models.data.pack import PackConfig, PackedCorpus, pack_rows
from models.training.tokenizer import TokenizerConfig, train_tokenizer

LABELS = ("negative", "neutral", "positive")
# language -> openings, middles and endings; every combination of the three is one invented sentence
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "en": (("the soup", "our bus", "that song"), ("was cold", "came today", "is great"), ("again.", "my aunt says!")),
    "de": (("die Suppe", "der Bus", "das Lied"), ("war kalt", "kam heute", "ist toll"), ("schon wieder.", "sagt Oma!")),
    "zh": (("这碗汤", "公交车", "那首歌"), ("太冷了", "今天到了", "非常好听"), ("又一次。", "阿姨说!")),
    "ar": (("الحساء", "الحافلة", "الأغنية"), ("كان باردا", "وصلت اليوم", "رائعة جدا"), ("مرة أخرى.", "تقول عمتي!")),
    "hi": (("सूप", "बस", "गाना"), ("ठंडा था", "आज आई", "बहुत अच्छा है"), ("फिर से।", "मौसी कहती हैं!")),
    "th": (("ซุป", "รถเมล์", "เพลงนั้น"), ("เย็นมาก", "มาวันนี้", "เพราะมาก"), ("อีกแล้ว", "ป้าบอก!")),
    "am": (("ሾርባው", "አውቶቡሱ", "ዘፈኑ"), ("ቀዝቃዛ ነበር", "ዛሬ መጣ", "በጣም ጥሩ ነው"), ("እንደገና።", "አክስቴ ትላለች!")),
    "es": (("la sopa", "el camión", "esa rola"), ("estaba fría", "llegó hoy", "está padrísima"), ("otra vez.", "dice mi tía 😀")),
}


@pytest.fixture(scope="session")
def table_rows() -> list[dict[str, Any]]:
    """144 different rows, three documents of six rows a language, in shuffled order; a ninth of them has no document."""
    rows = []
    for language, (openings, middles, endings) in PARTS.items():
        for first, opening in enumerate(openings):
            for second, middle in enumerate(middles):
                for third, ending in enumerate(endings):
                    text = f"{opening}{middle}{ending}" if language in ("zh", "th") else f"{opening} {middle} {ending}"
                    document = "" if (first, second) == (2, 2) else f"{language}{first}"
                    rows.append({"text": text, "label": LABELS[second], "language": language, "culture": language,
                                 "domain": "talk", "dataset": "umsab" if first == 0 else "talks", "split": "train",
                                 "document": document, "position": 2 * second + third})
    order = np.random.default_rng(3).permutation(len(rows))
    return [rows[index] for index in order]


@pytest.fixture(scope="session")
def tokenizer(table_rows: list[dict[str, Any]]) -> PreTrainedTokenizerFast:
    """The project's tokenizer, learnt from the rows."""
    return train_tokenizer((row["text"] for row in table_rows), TokenizerConfig(vocab_size=500, min_frequency=2, max_length=48))


@pytest.fixture(scope="session")
def packed(table_rows: list[dict[str, Any]], tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> PackedCorpus:
    """The rows in shards of 500 tokens, so that there are several."""
    folder = tmp_path_factory.mktemp("packed")
    pack_rows(table_rows, tokenizer, LABELS, PackConfig(max_length=48, shard_tokens=500), folder)
    tokenizer.save_pretrained(folder / "tokenizer")
    return PackedCorpus(folder)


@pytest.fixture
def tiny_bert_of() -> Callable[..., Any]:
    """Makes a classifier of two layers with 32 features from a vocabulary size, with or without dropout."""

    def make(vocab_size: int, *, dropout: float = 0.0, seed: int = 1) -> BertForSequenceClassification:
        torch.manual_seed(seed)
        return BertForSequenceClassification(
            BertConfig(vocab_size=vocab_size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_labels=3,
                       intermediate_size=64, max_position_embeddings=48, hidden_dropout_prob=dropout,
                       attention_probs_dropout_prob=dropout)
        )

    return make


class Line(torch.nn.Module):
    """Two numbers that learn to copy the row number; quick enough for many steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([0.5, -0.25]))
        self.matrix = torch.nn.Parameter(torch.full((1, 2), 0.1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.weight[0] * rows + self.weight[1] + self.matrix.sum()


@pytest.fixture
def line() -> Line:
    """A model of four numbers."""
    return Line()


@pytest.fixture(scope="session")
def new_line() -> Callable[[], Line]:
    """Makes such models for fixtures that live longer than a test."""
    return Line


@pytest.fixture(scope="session")
def line_loss() -> Callable[[Any, np.ndarray, int], dict[str, float]]:
    """Squared error of a `Line` against noisy targets, so that torch's seed matters as well."""

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        rows = torch.from_numpy(indices).float() / 10
        value = ((model(rows) - rows - 0.1 * torch.randn(len(rows))) ** 2).mean()
        value.backward()
        return {"loss": value.item()}

    return loss


@pytest.fixture(scope="session")
def tiny_run(table_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], dict[str, Any]]:
    """Makes the settings of a run of all stages on the rows, as a YAML file says them, for a folder of one's own."""
    table = tmp_path_factory.mktemp("table") / "rows.jsonl"
    table.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in table_rows), encoding="utf-8")
    loop = {"learning_rate": 0.01, "batch_tokens": 512, "precision": "fp32", "save_every_seconds": 0.02}

    def make(folder: Path) -> dict[str, Any]:
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64, "max_length": 48}
        phases = [
            {"name": "broad", "freeze": ["model.embed_tokens"], "loop": {**loop, "steps": 10}},
            {"name": "focus", "label_smoothing": 0.1, "adversarial": {"method": "fgm", "epsilon": 0.02},
             "augmentation": {"word_dropout": 0.2, "character_noise": 0.2},
             "loop": {**loop, "steps": 100, "ema_decay": 0.9, "evaluate_every": 10}},
        ]
        return {"name": "tiny", "corpus": str(table), "folder": str(folder / "run"), "checkpoint": str(folder / "checkpoint"), "threads": 1,
                "tokenizer": {"vocab_size": 500, "min_frequency": 2, "max_length": 48}, "pack": {"max_length": 48, "shard_tokens": 500},
                "encoder": shape, "pretraining": {"loop": {**loop, "steps": 40}}, "finetuning": {"phases": phases}}

    return make
