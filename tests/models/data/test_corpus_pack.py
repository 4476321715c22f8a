"""Packed shards: what goes in comes out, what is damaged is refused, and reading needs no table library."""

from __future__ import annotations

import errno
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.pack import NO_LABEL, SPLITS, PackConfig, PackedCorpus, pack_rows
from models.errors import CorpusError, DiskError
from models.training.tokenizer import TokenizerConfig, train_tokenizer

ROOT = Path(__file__).parents[3]
LABELS = ("negative", "neutral", "positive")
TEXTS = ("The tea is good today", "茶凉了,真可惜", "الشاي ساخن", "चाय बढ़िया थी 😀", "Der Bus kam nicht")


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {"text": f"{TEXTS[number % 5]} {number}", "label": (*LABELS, "")[number % 4], "language": ("en", "zh", "ar", "hi", "de")[number % 5],
            "domain": ("tweets", "tweets-emotion")[number % 2], "dataset": ("umsab", "talks")[number % 2], "split": "train",
            "document": f"d{number // 10}" if number % 3 else "", "position": number % 10, **changes}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer([f"{text} {number}" for text in TEXTS for number in range(10)], TokenizerConfig(vocab_size=400, min_frequency=1))


@pytest.fixture
def packed(tokenizer: Any, tmp_path: Path) -> Path:
    """100 rows in several shards, the last ten of them validation and test."""
    rows = [row(number, split=("validation", "test")[number % 2] if number >= 90 else "train") for number in range(100)]
    pack_rows(rows, tokenizer, LABELS, PackConfig(shard_tokens=300, development_datasets=()), tmp_path / "packed")
    return tmp_path / "packed"


def test_ids_and_fields_come_back(packed: Path, tokenizer: Any) -> None:
    corpus = PackedCorpus(packed)
    assert len(corpus) == corpus.manifest["rows"] == 100
    assert len(corpus.manifest["shards"]) == corpus.shards.max() + 1 >= 2
    assert sum(shard["row_count"] for shard in corpus.manifest["shards"]) == 100
    assert corpus.manifest["tokens"] == sum(len(corpus.input_ids(number)) for number in range(100))
    for number in range(100):
        given, stored = row(number), corpus.rows[number]
        assert corpus.input_ids(number).tolist() == tokenizer(given["text"], add_special_tokens=False)["input_ids"]
        assert stored["label"] == (LABELS.index(given["label"]) if given["label"] else NO_LABEL)
        assert stored["position"] == given["position"]
        for key in ("dataset", "language", "domain"):
            assert corpus.manifest[f"{key}s"][stored[key]] == given[key]


def test_documents_are_numbered_within_their_data_set(packed: Path) -> None:
    rows = PackedCorpus(packed).rows
    numbers = {(row(number)["dataset"], row(number)["document"]): int(rows["document"][number]) for number in range(100)}
    assert all((value == -1) == (not document) for (_, document), value in numbers.items())
    kept = [value for (_, document), value in numbers.items() if document]
    assert len(kept) == len(set(kept)) == 20  # ten documents of either data set


def test_select(packed: Path) -> None:
    corpus = PackedCorpus(packed)
    assert corpus.select(split="validation").tolist() == [90, 92, 94, 96, 98]
    assert corpus.select(split="test", datasets=["umsab"]).tolist() == []
    assert corpus.select(split="test", labelled=True).tolist() == [93, 97]  # 91, 95 and 99 have no label
    assert corpus.select(split="train", domain_suffix="-emotion").tolist() == list(range(1, 90, 2))
    with pytest.raises(CorpusError, match="The packed corpus has no dataset 'tea'"):
        corpus.select(split="train", datasets=["tea"])


def test_long_texts_are_cut_and_empty_ones_kept(tokenizer: Any, tmp_path: Path) -> None:
    rows = [row(0, text="tea " * 500), row(1, text=""), row(2, text="good")]
    pack_rows(rows, tokenizer, LABELS, PackConfig(max_length=16, development_datasets=()), tmp_path)
    assert [len(PackedCorpus(tmp_path).input_ids(number)) for number in range(2)] == [14, 0]  # room for two special tokens
    pack_rows(rows[1:2], tokenizer, LABELS, PackConfig(), tmp_path)
    assert PackedCorpus(tmp_path).input_ids(0).tolist() == []


def test_a_tenth_of_the_labelled_training_rows_is_development(tokenizer: Any, tmp_path: Path) -> None:
    rows = [row(number, text=f"tea {number}") for number in range(4_000)] + [row(0, text=f"tea {number}", split="validation") for number in range(200)]
    pack_rows(rows, tokenizer, LABELS, PackConfig(), tmp_path)
    corpus = PackedCorpus(tmp_path)
    development = corpus.select(split="development")
    assert {corpus.manifest["datasets"][number] for number in corpus.rows["dataset"][development]} == {"umsab"}
    assert (corpus.rows["label"][development] != NO_LABEL).all()
    labelled = [number for number in range(4_000) if rows[number]["dataset"] == "umsab" and rows[number]["label"]]
    assert len(development) / len(labelled) == pytest.approx(0.1, abs=0.02)
    chosen = [number for number in labelled if int(hashlib.sha256(rows[number]["text"].encode()).hexdigest()[:4], 16) < 6_554]
    assert development.tolist() == chosen  # the same text always lands in the same split
    assert len(corpus.select(split="validation")) == 200


def damage(packed: Path, name: str, change: str) -> None:
    path = packed / name
    if change == "gone":
        path.unlink()
    elif change == "short":
        path.write_bytes(path.read_bytes()[:-2])
    elif change == "fewer":
        np.save(path, np.load(path)[:-1])
    else:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(manifest | json.loads(change)), encoding="utf-8")


@pytest.mark.parametrize(("name", "change", "match"), [
    ("manifest.json", "gone", "manifest.json does not exist; run `python -m models corpus pack` first"),
    ("manifest.json", "short", "manifest.json is not whole JSON .*; pack the corpus again"),
    ("manifest.json", '{"format_version": 2}', "manifest.json has format 2, expected 1; pack the corpus again"),
    ("manifest.json", '{"shards": []}', "manifest.json lists no rows"),
    ("tokens-00001.bin", "gone", "tokens-00001.bin is missing or not .* bytes long; pack the corpus again"),
    ("tokens-00001.bin", "short", "tokens-00001.bin is missing or not"),
    ("rows-00001.npy", "gone", "rows-00001.npy is missing or damaged; pack the corpus again"),
    ("rows-00001.npy", "short", "rows-00001.npy is missing or damaged"),
    ("rows-00001.npy", "fewer", "rows-00001.npy holds .* rows, expected"),
])
def test_a_damaged_pack_is_one_sentence(packed: Path, name: str, change: str, match: str) -> None:
    damage(packed, name, change)
    with pytest.raises(CorpusError, match=match):
        PackedCorpus(packed)


@pytest.mark.parametrize("victim", ["tokens-00001.bin", "rows-00000.npy"])
def test_a_full_disk_leaves_no_pack_that_opens(packed: Path, victim: str, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def refuse(path: Path, content: bytes) -> int:
        if path.name == victim:
            raise OSError(errno.ENOSPC, "no space left")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(DiskError, match=r"packed could not be written \(no space left\); free some space"):
        pack_rows([row(number) for number in range(100)], tokenizer, LABELS, PackConfig(shard_tokens=300), packed)
    with pytest.raises(CorpusError, match=r"manifest\.json does not exist"):  # not the old one over new shards
        PackedCorpus(packed)


@pytest.mark.parametrize("changes", [{"label": "pos"}, {"split": "dev"}])
def test_an_unknown_label_or_split_is_one_sentence(changes: dict[str, str], tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"A row of umsab has label .* and split .*; labels are .* and splits are {', '.join(SPLITS)}. Mend the table"):
        pack_rows([row(0, **changes)], tokenizer, LABELS, PackConfig(), tmp_path)


PROGRAM = """
import sys
for name in ("pyarrow", "ftfy", "rensa", "pandas", "streamlit"):
    sys.modules[name] = None
from models.data.pack import PackConfig, PackedCorpus, pack_rows
assert "torch" not in sys.modules and "transformers" not in sys.modules, "packing needs only numpy and tokenizers"
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

class Fast:
    backend_tokenizer = Tokenizer(WordLevel({"?": 0, "good": 1, "tea": 2}, unk_token="?"))
    def __len__(self): return 3
    def __call__(self, texts, **settings): return {"input_ids": [self.backend_tokenizer.encode(text).ids for text in texts]}

Fast.backend_tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
row = {"text": "good tea", "label": "", "language": "en", "domain": "x", "dataset": "x", "split": "train", "document": "", "position": 0}
pack_rows([row], Fast(), ("a",), PackConfig(), sys.argv[1])
print(PackedCorpus(sys.argv[1]).input_ids(0).tolist())
import importlib, pkgutil, models.training
for module in pkgutil.iter_modules(models.training.__path__):
    importlib.import_module("models.training." + module.name)
    print(module.name)
"""


def test_packing_and_training_need_no_table_library(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    ids, *names = done.stdout.splitlines()
    assert ids == "[1, 2]"
    assert {"batches", "finetuning", "pretraining", "run", "tokenizer"} <= set(names)
