"""The table of a tiny corpora folder: nothing is lost without a listed reason, and nothing half written stays."""

from __future__ import annotations

import errno
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import corpus
from models.data.corpus import CorpusConfig, build_corpus, corpora_root, read_source
from models.errors import ConfigError, CorpusError, DiskError

Write = Callable[[dict[str, str | bytes]], Path]
SWE = "swe-sentiment/swe.csv"
UZBEK = ("uzbek-app-reviews/Datasets/UZ_positive.txt", "uzbek-app-reviews/Datasets/UZ_negative.txt")
SWEDISH = ("text,label,all_labels\nFint te idag,pos,x\nfint te idag!,pos,x\nTråkig film,neg,x\ntråkig film,pos,x\n123 !!!,neu,x\n"
           "Это не шведский,neg,x\ntrasig rad\n")
DIALOGUE = ("Sr No .,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime,Target\n"
            "1,Cold tea again,A,x,negative,0,0,1,1,a,b,茶又凉了\n2,Cold tea again,B,x,neutral,0,1,1,1,a,b,真可惜\n")


@pytest.fixture
def folder(write_tree: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = write_tree({
        SWE: SWEDISH, UZBEK[0]: "Choy juda zo'r\n\nRahmat sizlarga\n", UZBEK[1]: "Ochilmaydi umuman\n" + "x" * 300 + "\n",
        "bmeld/BMELD_data/train_sent_emo.csv": DIALOGUE.encode("gb18030"), "bmeld/BMELD_data/dev_sent_emo.csv": DIALOGUE.split("\n")[0],
    })
    monkeypatch.setenv(corpus.ROOT_VARIABLE, str(root))
    return root


def config(folder: Path, **changes: Any) -> CorpusConfig:
    return CorpusConfig(**{"output": str(folder / "out"), "sources": ("swe-sentiment", "uzbek-app-reviews", "bmeld"), "max_characters": 200, **changes})


def test_report_table_and_removed_rows_agree(folder: Path) -> None:
    report = build_corpus(config(folder))
    swedish = {"contradicting labels": 2, "duplicate": 1, "no letters or emoji": 1, "script": 1}
    assert report["datasets"] == {
        "swe-sentiment": {"read": 6, "kept": 1, "faults": 1, "label_dropped": 0, "removed": swedish},
        "uzbek-app-reviews": {"read": 4, "kept": 3, "faults": 0, "label_dropped": 0, "removed": {"too long": 1}},
        "bmeld": {"read": 4, "kept": 4, "faults": 0, "label_dropped": 2, "removed": {}},
    }
    assert report["faults"] == ["swe-sentiment swe.csv:8: 1 columns, expected 3"]
    assert report["rows"] == 8
    assert report["table_sha256"] == hashlib.sha256((folder / "out/corpus.parquet").read_bytes()).hexdigest()
    assert json.loads((folder / "out/report.json").read_text(encoding="utf-8")) == report
    rows = parquet.read_table(folder / "out/corpus.parquet").to_pylist()
    assert rows[0] == {"text": "Fint te idag", "label": "positive", "language": "sv", "culture": "sv-SE", "domain": "social", "dataset": "swe-sentiment",
                       "split": rows[0]["split"], "licence": "free for research and hobby projects", "document": "", "position": 0}
    assert [(row["text"], row["label"], row["document"], row["position"]) for row in rows if row["dataset"] == "bmeld"] == [
        ("Cold tea again", "", "train-0-en", 0), ("茶又凉了", "negative", "train-0-zh", 0),
        ("Cold tea again", "", "train-0-en", 1), ("真可惜", "neutral", "train-0-zh", 1)]


def test_every_removed_row_is_listed_with_its_reason(folder: Path) -> None:
    report = build_corpus(config(folder))
    listed = parquet.read_table(folder / "out/removed.parquet").to_pylist()
    assert dict(Counter(row["reason"] for row in listed)) == report["removed"]
    assert ("Это не шведский", "script", "negative", "sv") in {(row["text"], row["reason"], row["label"], row["language"]) for row in listed}


def test_the_language_check_can_be_left_out(folder: Path) -> None:
    report = build_corpus(config(folder, language_check=False))
    assert "script" not in report["removed"]
    assert report["datasets"]["swe-sentiment"]["kept"] == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(st.sampled_from(["Fint te", "FINT TE!", "", "12", "это чай здесь", "a\ufffd", "te " * 90, "kall soppa", "\u202e"]),
                                st.sampled_from(["pos", "neg", "neu", "?"])), max_size=30))
def test_read_is_kept_and_removed(folder: Path, lines: list[tuple[str, str]]) -> None:
    (folder / SWE).write_text("text,label,all_labels\n" + "".join(f"{text},{label},x\n" for text, label in lines), encoding="utf-8")
    report = build_corpus(config(folder))
    table, gone = (Counter(parquet.read_table(folder / "out" / f"{name}.parquet")["dataset"].to_pylist()) for name in ("corpus", "removed"))
    known = sum(label != "?" for _, label in lines)
    assert report["datasets"]["swe-sentiment"]["read"] == known
    assert report["datasets"]["swe-sentiment"]["faults"] == len(lines) - known
    for name, row in report["datasets"].items():
        assert row["read"] == table[name] + gone[name] == row["kept"] + sum(row["removed"].values())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("victim", ["corpus.parquet", "removed.parquet", "report.json"])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(code: int, victim: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table, write_text = parquet.write_table, Path.write_text

    def refuse(path: Path, start: bytes) -> int:
        path.write_bytes(start)
        raise OSError(code, "the disk says no")

    def table(content: Any, path: Path, **options: Any) -> None:
        refuse(path, b"PAR1") if victim in path.name else write_table(content, path, **options)

    def text(path: Path, content: str, **options: Any) -> int:
        return refuse(path, b"{") if victim in path.name else write_text(path, content, **options)

    monkeypatch.setattr(parquet, "write_table", table)
    monkeypatch.setattr(Path, "write_text", text)
    with pytest.raises(DiskError, match=r"out could not be written \(the disk says no\); free some space or choose another folder"):
        build_corpus(config(folder))
    whole = {"corpus.parquet": [], "removed.parquet": ["corpus.parquet"], "report.json": ["corpus.parquet", "removed.parquet"]}[victim]
    assert sorted(path.name for path in (folder / "out").iterdir()) == whole


def test_another_fault_of_the_system_passes_through(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(parquet, "write_table", fail)
    with pytest.raises(OSError, match="input/output error") as caught:
        build_corpus(config(folder))
    assert not isinstance(caught.value, DiskError)


def test_missing_folders_are_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"There is no folder .*brighter; fetch the corpus again or leave it out of the sources"):
        build_corpus(config(folder, sources=("brighter",)))
    monkeypatch.setenv(corpus.ROOT_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(CorpusError, match=r"There is no corpora folder .*nowhere; set CULTURELENS_CORPORA"):
        corpora_root()


def test_a_source_without_importer() -> None:
    with pytest.raises(ConfigError, match="There is no importer for 'tea'; importers are umsab, nusax"):
        CorpusConfig(output="x", sources=("umsab", "tea"))
    with pytest.raises(CorpusError, match="There is no importer for the corpus 'tea'"):
        list(read_source("tea"))


def test_read_source_cleans_and_chooses_a_split(folder: Path) -> None:
    (folder / UZBEK[1]).write_text("yomon&amp;sekin\u202e\n", encoding="utf-8")
    everything = list(read_source("uzbek-app-reviews"))
    assert [example.text for example in everything] == ["Choy juda zo'r", "Rahmat sizlarga", "yomon&sekin"]
    for split in ("train", "validation"):
        assert list(read_source("uzbek-app-reviews", split=split)) == [example for example in everything if example.split == split]


def test_progress_goes_up_to_the_end(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    build_corpus(config(folder), lambda done, total: calls.append((done, total)))
    assert calls[:3] == [(0, 6), (1, 6), (2, 6)]
    assert calls == sorted(calls)
