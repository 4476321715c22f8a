"""Packed shards: memory-mapped token ids with a manifest, so that training needs neither the table nor its readers."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.disk import full_disk_sentence, whole_file
from models.errors import CorpusError
from models.progress import Progress, no_progress

SPLITS = ("train", "development", "validation", "test")
NO_LABEL = -1
ROW_TYPE = np.dtype(
    [
        ("start", "<u8"),  # first token of the row in its shard
        ("length", "<u4"),  # tokens, no special ones
        ("label", "i1"),  # class number or NO_LABEL
        ("split", "u1"),  # index in SPLITS
        ("dataset", "<u2"),  # indices in the manifest's lists
        ("language", "<u2"),
        ("domain", "<u2"),
        ("document", "<i4"),  # number of the ordered document, -1 = none
        ("position", "<i4"),  # place in the document
    ]
)
FORMAT_VERSION = 1


@dataclass(frozen=True)
class PackConfig:
    """Settings of the packing stage."""

    max_length: int = 128  # tokens kept of a text, special tokens included
    shard_tokens: int = 8_000_000  # tokens a shard; 2 bytes each for vocabularies under 65,536
    development_datasets: tuple[str, ...] = ("umsab",)  # a tenth of their training rows steers early stopping


class PackedCorpus:
    """Token ids of every row, read from shards through memory maps.

    Attributes:
        rows: Structured array (rows,) of `ROW_TYPE`, plus the shard each row lies in as `shards` (rows,).
        manifest: Vocabulary size, names of datasets, languages and domains, labels, tokenizer hash.
    """

    def __init__(self, folder: str | Path) -> None:
        """Opens the shards of a folder.

        Raises:
            CorpusError: The manifest or a shard is missing, damaged or empty, or a shard has another size than the manifest says.
        """
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder / "manifest.json")
        self._tokens, rows, shards = [], [], []
        for number, shard in enumerate(self.manifest["shards"]):
            tokens = self.folder / shard["tokens"]
            if not tokens.is_file() or tokens.stat().st_size != shard["bytes"]:
                raise CorpusError(f"{tokens} is missing or not {shard['bytes']} bytes long; pack the corpus again.")
            self._tokens.append(np.memmap(tokens, dtype=self.manifest["token_type"], mode="r"))
            rows.append(_read_rows(self.folder / shard["rows"], shard["row_count"]))
            shards.append(np.full(len(rows[-1]), number, dtype=np.uint16))
        self.rows = np.concatenate(rows)
        self.shards = np.concatenate(shards)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def input_ids(self, row: int) -> np.ndarray:
        """Token ids of a row without special tokens (length,), a view into the shard."""
        start, length = int(self.rows["start"][row]), int(self.rows["length"][row])
        ids: np.ndarray = self._tokens[self.shards[row]][start : start + length]
        return ids

    def select(
        self, *, split: str, datasets: Sequence[str] | None = None, labelled: bool = False, domain_suffix: str = ""
    ) -> np.ndarray:
        """Row numbers of a split (selected,), optionally of some datasets or with a label only."""
        chosen = self.rows["split"] == SPLITS.index(split)
        if datasets is not None:
            unknown = sorted(set(datasets) - set(self.manifest["datasets"]))
            if unknown:
                raise CorpusError(f"The packed corpus has no dataset {unknown[0]!r}; it has {self.manifest['datasets']}.")
            chosen &= np.isin(self.rows["dataset"], [self.manifest["datasets"].index(name) for name in datasets])
        if labelled:
            chosen &= self.rows["label"] != NO_LABEL
        if domain_suffix:
            matching = [n for n, name in enumerate(self.manifest["domains"]) if name.endswith(domain_suffix)]
            chosen &= np.isin(self.rows["domain"], matching)
        return np.flatnonzero(chosen)


def pack_rows(
    rows: Iterable[dict[str, Any]],
    tokenizer: Any,
    labels: Sequence[str],
    config: PackConfig,
    folder: str | Path,
    *,
    total: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Writes the shards and returns the manifest.

    Args:
        rows: Mappings with text, label, language, domain, dataset, split, document and position.
        tokenizer: A fast tokenizer; its pieces are stored without special tokens.
        labels: Class names in the order of their numbers.
        total: Number of rows, for the progress only.
    """
    folder = Path(folder)
    with full_disk_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").unlink(missing_ok=True)  # a pack that is cut short is none, rather than half the old one
    writer = _ShardWriter(folder, "<u2" if len(tokenizer) <= 65_536 else "<u4", config)
    names: dict[str, dict[str, int]] = {"dataset": {}, "language": {}, "domain": {}, "document": {}}
    done = 0
    for batch in _batches(rows, 2_000):
        encoded = tokenizer([row["text"] for row in batch], add_special_tokens=False, truncation=True,
                            max_length=config.max_length - 2)["input_ids"]
        for row, ids in zip(batch, encoded, strict=True):
            writer.add(ids, _row_values(row, labels, names, config))
        done += len(batch)
        progress(done, max(total, done))
    manifest = {
        "format_version": FORMAT_VERSION,
        "vocab_size": len(tokenizer),
        "token_type": writer.token_type,
        "labels": list(labels),
        **{f"{key}s": list(names[key]) for key in ("dataset", "language", "domain")},
        "rows": done,
        "tokens": writer.total,
        "tokenizer_sha256": hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "shards": writer.finish(),
    }
    with full_disk_sentence(folder), whole_file(folder / "manifest.json") as temporary:
        temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return manifest


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; run `python -m models corpus pack` first.")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CorpusError(f"{path} is not whole JSON ({error}); pack the corpus again.") from error
    if manifest.get("format_version") != FORMAT_VERSION:
        raise CorpusError(f"{path} has format {manifest.get('format_version')!r}, expected {FORMAT_VERSION}; pack the corpus again.")
    if not manifest["shards"]:
        raise CorpusError(f"{path} lists no rows; pack a corpus that has some.")
    return manifest


def _read_rows(path: Path, expected: int) -> np.ndarray:
    try:
        rows: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CorpusError(f"{path} is missing or damaged; pack the corpus again.") from error
    if len(rows) != expected:
        raise CorpusError(f"{path} holds {len(rows)} rows, expected {expected}; pack the corpus again.")
    return rows


def _row_values(row: dict[str, Any], labels: Sequence[str], names: dict[str, dict[str, int]], config: PackConfig) -> tuple[int, ...]:
    """The numbers stored for one row, in the order of ROW_TYPE after start and length."""
    split = row["split"]
    if split not in SPLITS or (row["label"] and row["label"] not in labels):
        raise CorpusError(f"A row of {row['dataset']} has label {row['label']!r} and split {split!r}; labels are {', '.join(labels)} "
                          f"and splits are {', '.join(SPLITS)}. Mend the table.")
    if split == "train" and row["dataset"] in config.development_datasets and row["label"]:
        digest = hashlib.sha256(row["text"].encode()).digest()
        split = "development" if digest[0] * 256 + digest[1] < 6554 else split
    number = {key: names[key].setdefault(row[key], len(names[key])) for key in ("dataset", "language", "domain")}
    document = -1
    if row["document"]:
        document = names["document"].setdefault(f"{row['dataset']}/{row['document']}", len(names["document"]))
    label = labels.index(row["label"]) if row["label"] else NO_LABEL
    return (label, SPLITS.index(split), number["dataset"], number["language"], number["domain"], document, row["position"])


class _ShardWriter:
    """Collects token ids and writes a shard whenever enough have come."""

    def __init__(self, folder: Path, token_type: str, config: PackConfig) -> None:
        self.folder, self.token_type, self.limit, self.total = folder, token_type, config.shard_tokens, 0
        self.ids: list[int] = []
        self.rows: list[tuple[int, ...]] = []
        self.shards: list[dict[str, Any]] = []

    def add(self, ids: Sequence[int], values: tuple[int, ...]) -> None:
        """Appends one row."""
        self.rows.append((len(self.ids), len(ids), *values))
        self.ids.extend(ids)
        self.total += len(ids)
        if len(self.ids) >= self.limit:
            self._write()

    def finish(self) -> list[dict[str, Any]]:
        """Writes what is left and returns the list of shards."""
        if self.rows:
            self._write()
        return self.shards

    def _write(self) -> None:
        number = len(self.shards)
        tokens, rows = f"tokens-{number:05d}.bin", f"rows-{number:05d}.npy"
        array = np.array(self.ids or [0], dtype=self.token_type)
        buffer = io.BytesIO()
        np.save(buffer, np.array(self.rows, dtype=ROW_TYPE), allow_pickle=False)
        with full_disk_sentence(self.folder):  # numpy's own writing hides that the disk is full
            (self.folder / tokens).write_bytes(array.tobytes())
            (self.folder / rows).write_bytes(buffer.getvalue())
        self.shards.append({"tokens": tokens, "rows": rows, "bytes": array.nbytes, "row_count": len(self.rows)})
        self.ids, self.rows = [], []


def _batches(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
