"""The table of pairs of a tiny corpora folder: reasons, repeats and leaks on hand-made pairs, files that agree."""

from __future__ import annotations

import errno
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data import corpus
from models.data.pair_corpus import PairCorpusConfig, build_pairs, pair_reason, read_pairs
from models.data.pair_duplicates import find_pair_duplicates, length_ratio, weigh
from models.data.pairs import PAIR_COLUMNS, Pair
from models.errors import ConfigError, CorpusError, DiskError

Write = Callable[[dict[str, str | bytes]], Path]
TATOEBA, LASER, THREE = "tatoeba-cmn/data/cmn.txt", "laser-tatoeba/data/tatoeba/v1/tatoeba", "3am/data"
ENGLISH, CHINESE = "The kettle sings all morning.", "水壶整个早上都在唱歌。"
LONG = "There is no tea left in this house, and nobody has gone out to buy some."


def pair(source: str, target: str, split: str = "train", dataset: str = "x", languages: tuple[str, str] = ("en", "zh")) -> Pair:
    return Pair(source, target, *languages, "zh-CN", "sentences", dataset, split, "CC0")


@pytest.fixture
def folder(write_tree: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    files: dict[str, str | bytes] = {
        TATOEBA: "", f"{THREE}/train.en": f"{ENGLISH}\nA cup.\nA cup.\n\nNo tea.\n12!\nSoup\n{LONG}\nOK\nThis is Chinese.\n",
        f"{THREE}/train.zh": "水壶在唱歌。\n一个杯子。\n一个杯子。\n空\n\ufffd\ufffd\n12!\nsoup\n没。\nOkej\nnot at all\n",
        f"{THREE}/val.en": "A spoon.\n", f"{THREE}/val.zh": "勺子。\n", f"{LASER}.cmn-eng.eng": f"{ENGLISH}\n", f"{LASER}.cmn-eng.cmn": f"{CHINESE}\n",
    }
    for code in ("deu", "fra", "ces"):
        files |= {f"{LASER}.{code}-eng.eng": "\n", f"{LASER}.{code}-eng.{code}": "Tee\n"}
    root = write_tree(files)
    (root / TATOEBA).write_text("Too few columns\nA plate.\t盘子。\tx\n", encoding="utf-8")
    monkeypatch.setenv(corpus.ROOT_VARIABLE, str(root))
    return root


def config(folder: Path, **changes: Any) -> PairCorpusConfig:
    return PairCorpusConfig(**{"output": str(folder / "out"), "sources": ("tatoeba-cmn", "3am", "laser-tatoeba"), **changes})


def test_report_table_and_removed_pairs_agree(folder: Path) -> None:
    report = build_pairs(config(folder))
    assert report["datasets"] == {
        "tatoeba-cmn": {"read": 1, "kept": 1, "faults": 1, "removed": {}},
        "3am": {"read": 11, "kept": 2, "faults": 0, "removed": {
            "duplicate": 1, "empty": 1, "leak: also in laser-tatoeba test": 1, "length ratio": 1, "no letters or emoji": 1, "script": 2,
            "source is target": 1, "unreadable characters": 1}},
        "laser-tatoeba": {"read": 4, "kept": 1, "faults": 0, "removed": {"empty": 3}},
    }
    assert report["rows"] == 4
    assert report["faults"] == ["tatoeba-cmn cmn.txt:1: 1 columns, expected 3"]
    assert report["table_sha256"] == hashlib.sha256((folder / "out/pairs.parquet").read_bytes()).hexdigest()
    assert json.loads((folder / "out/report.json").read_text(encoding="utf-8")) == report
    table = parquet.read_table(folder / "out/pairs.parquet")
    assert tuple(table.column_names) == PAIR_COLUMNS
    rows = table.to_pylist()
    assert rows[-1] == {"source": ENGLISH, "target": CHINESE, "source_language": "en", "target_language": "zh", "culture": "zh-CN",
                        "domain": "sentences", "dataset": "laser-tatoeba", "split": "test", "licence": "CC BY 2.0 FR", "document": "", "position": 0}
    assert report["directions"] == dict(Counter(f"{row['source_language']}-{row['target_language']} {row['split']}" for row in rows))


def test_every_removed_pair_is_listed_with_its_reason(folder: Path) -> None:
    report = build_pairs(config(folder))
    listed = parquet.read_table(folder / "out/removed.parquet").to_pylist()
    assert dict(Counter(row["reason"] for row in listed)) == report["removed"]
    assert {"dataset": "3am", "split": "train", "source_language": "en", "target_language": "zh", "source": ENGLISH, "target": "水壶在唱歌。",
            "reason": "leak: also in laser-tatoeba test"} in listed


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(st.sampled_from(["A cup.", "a cup!", "", ENGLISH, "x" * 400, "А это чай", "No"]),
                                st.sampled_from(["一个杯子。", "", CHINESE, "No", "杯" * 200, "\u202e"])), max_size=25))
def test_read_is_kept_and_removed(folder: Path, lines: list[tuple[str, str]]) -> None:
    for side, language in ((0, "en"), (1, "zh")):
        (folder / f"{THREE}/train.{language}").write_text("".join(f"{line[side]}\n" for line in lines), encoding="utf-8")
    report = build_pairs(config(folder, max_characters=300))
    table, gone = (Counter(parquet.read_table(folder / "out" / f"{name}.parquet")["dataset"].to_pylist()) for name in ("pairs", "removed"))
    for name, row in report["datasets"].items():
        assert row["read"] == table[name] + gone[name] == row["kept"] + sum(row["removed"].values())
    assert report["datasets"]["3am"]["read"] == len(lines) + 1
    kept = [(row["source"], row["target"]) for row in parquet.read_table(folder / "out/pairs.parquet").to_pylist()]
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize(("source", "target", "reason"), [
    ("Tea.", "茶。", ""), ("", "茶。", "empty"), ("Tea.", "", "empty"), ("Tea.", "12", "no letters or emoji"), ("T" * 81, "茶" * 30, "too long"),
    ("Nora", "NORA", "source is target"), (LONG, "没了。", "length ratio"), ("没了", LONG, "length ratio"), ("Nice hat", "schöner Hut", "script"),
    ("Сегодня чай", "今天喝茶", "script"),
    ("Der Tee ist heute leider schon wieder viel zu kalt für mich und meine Gäste.", "今天的茶对我和我的客人来说又太凉了。", "language"),
])
def test_why_a_pair_cannot_be_used(source: str, target: str, reason: str) -> None:
    assert pair_reason(pair(source, target), PairCorpusConfig(output="x", max_characters=80)) == reason


def test_the_language_check_and_the_ratio_are_settings() -> None:
    loose = PairCorpusConfig(output="x", language_check=False, length_ratio=9.0)
    assert pair_reason(pair("Nice hat", "schöner Hut"), loose) == pair_reason(pair(LONG, "没了。"), loose) == ""


def test_lengths_by_hand() -> None:
    assert (weigh("tea"), weigh("茶"), weigh("茶 tea"), weigh("")) == (3, 3, 7, 0)
    assert length_ratio("abc", "茶") == 1.0
    assert length_ratio("a" * 18, "茶") == length_ratio("茶", "a" * 18) == (18 + 12) / (3 + 12)


@pytest.mark.parametrize(("rows", "reasons"), [
    # repeats: case, width and blanks do not count, marks do; the first stays, whatever the direction
    ([pair("A cup.", "杯子。"), pair("a  CUP.", "杯子。"), pair("A cup!", "杯子。")], {1: "duplicate"}),
    ([pair("A cup.", "杯子。"), pair("杯子。", "A cup.", languages=("zh", "en"))], {1: "duplicate"}),
    ([pair("A cup.", "Tasse", languages=("en", "de")), pair("A cup.", "Tasse", languages=("en", "nl"))], {}),
    # test wins over validation, validation over training rows, wherever they stand
    ([pair(ENGLISH, "a"), pair(ENGLISH, "b", "validation", "v"), pair(ENGLISH, "c", "test", "t")],
     {0: "leak: also in t test", 1: "leak: also in t test"}),
    ([pair(ENGLISH, "a"), pair("the KETTLE sings, all morning", "b", "validation", "v")], {0: "leak: also in v validation"}),
    # the target side counts as well, and either side may be the other's source, but only in its language
    ([pair("One.", CHINESE), pair("Two.", CHINESE, "test", "t")], {0: "leak: also in t test"}),
    ([pair("One.", CHINESE), pair(CHINESE, "Two.", "test", "t", languages=("zh", "en"))], {0: "leak: also in t test"}),
    ([pair("One.", "Der Tee ist kalt geworden", languages=("en", "de")), pair("Two.", "Der Tee ist kalt geworden", "test", "t", languages=("en", "nl"))], {}),
    # short sides: only whole pairs
    ([pair("Yes.", "是的。"), pair("Yes.", "对。"), pair("YES!", "是的", "validation", "v")], {0: "leak: also in v validation"}),
    ([pair("Come in, peoples", "请进"), pair("Come in, peoples.", "进来吧", "test", "t")], {0: "leak: also in t test"}),  # 15 letters and 3 words
    ([pair("Come in, people", "请进"), pair("Come in, people.", "进来吧", "test", "t")], {}),  # 14 letters, the comma is none
    ([pair("Congratulations everybody", "恭喜"), pair("Congratulations everybody", "恭喜大家", "test", "t")], {}),  # two words
    ([pair("Yes.", "我们没有茶"), pair("No.", "我们没有茶", "test", "t")], {0: "leak: also in t test"}),  # 5 Han characters
    ([pair("Yes.", "我们没茶"), pair("No.", "我们没茶", "test", "t")], {}),  # 4
    # equal rows of one split share a side rightly
    ([pair(ENGLISH, "a", "test"), pair(ENGLISH, "b", "test"), pair(ENGLISH, "a", "test")], {2: "duplicate"}),
])
def test_repeats_and_leaks_by_hand(rows: list[Pair], reasons: dict[int, str]) -> None:
    assert find_pair_duplicates(rows) == reasons


def test_held_out_rows_left_out_before_still_leak() -> None:
    beside = [pair(ENGLISH, "?", "test", "t"), pair("Some other long sentence.", "?", "train", "t")]
    rows = [pair(ENGLISH, "a"), pair("Some other long sentence.", "b")]
    assert find_pair_duplicates(rows, beside) == {0: "leak: also in t test"}
    assert find_pair_duplicates(rows) == {}


def test_a_row_that_was_left_out_of_the_table_leaks_too(folder: Path) -> None:
    (folder / f"{LASER}.cmn-eng.cmn").write_text("\n", encoding="utf-8")  # no translation, so it is not in the table
    assert build_pairs(config(folder))["datasets"]["3am"]["removed"]["leak: also in laser-tatoeba test"] == 1


def test_progress_ends_whole(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_pairs(config(folder), lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 6), (6, 6))


def test_read_pairs_cleans_and_chooses_a_split(folder: Path) -> None:
    (folder / f"{THREE}/val.en").write_text("Tea&amp;cake\u202e  now\n", encoding="utf-8")
    everything = list(read_pairs("3am"))
    assert len(everything) == 11  # nothing is left out
    assert list(read_pairs("3am", "validation")) == [everything[-1]]
    assert everything[-1] == replace(pair("Tea&cake now", "勺子。", "validation", "3am"), domain="captions", licence="MIT")
    with pytest.raises(CorpusError, match="There is no importer for the corpus 'umsab'; importers are tatoeba-cmn, msctd"):
        list(read_pairs("umsab"))
    with pytest.raises(CorpusError, match=r"There is no folder .*ntrex; fetch the corpus again or leave it out of the sources"):
        list(read_pairs("ntrex"))


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"task": "sentiment"}, "A corpus of pairs has the task 'sentiment', expected 'translation'"),
    ({"sources": ("umsab",)}, "There is no importer of pairs for 'umsab'; importers are tatoeba-cmn, msctd"),
    ({"max_characters": 0}, "max_characters 0 and length_ratio 2.5 leave no pair"), ({"length_ratio": 1.0}, "length_ratio 1.0 leave no pair"),
    ({"length_ratio": float("nan")}, "length_ratio nan leave no pair"),
])
def test_settings_that_make_no_sense(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        PairCorpusConfig(output="x", **changes)


@pytest.mark.parametrize("victim", ["pairs.parquet", "removed.parquet"])
def test_a_full_disk_leaves_no_half_file(victim: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table = parquet.write_table

    def table(content: Any, path: Path, **options: Any) -> None:
        if victim not in path.name:
            write_table(content, path, **options)
            return
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(parquet, "write_table", table)
    with pytest.raises(DiskError, match=r"out could not be written \(no space left\); free some space"):
        build_pairs(config(folder))
    assert [path.name for path in (folder / "out").iterdir()] == ([] if victim == "pairs.parquet" else ["pairs.parquet"])
