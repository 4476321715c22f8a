"""Importers of parallel text on tiny folders in the published formats: sides, directions, places, broken lines."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.data.importers import PAIR_IMPORTERS
from models.data.importers.reading import read_bytes
from models.data.pairs import PAIR_COLUMNS, Pair
from models.data.schema import Fault, held_out_split
from models.errors import CorpusError

Write = Callable[[dict[str, str | bytes]], Path]


def read(name: str, root: Path) -> tuple[list[Pair], list[tuple[str, int, str]]]:
    """Pairs and faults of one importer."""
    items = list(PAIR_IMPORTERS[name](root))
    assert {item.dataset for item in items} <= {name}
    return [item for item in items if isinstance(item, Pair)], [(f.file, f.line, f.reason) for f in items if isinstance(f, Fault)]


def brief(pairs: list[Pair], *columns: str) -> list[tuple[Any, ...]]:
    """The sides of each pair and some columns."""
    return [tuple(getattr(pair, column) for column in ("source", "target", *columns)) for pair in pairs]


def archive(files: dict[str, str | bytes]) -> bytes:
    """A .tar.gz of some files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as members:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(raw)
            members.addfile(member, io.BytesIO(raw))
    return buffer.getvalue()


def test_columns_are_the_fields_of_a_pair() -> None:
    assert tuple(Pair.__dataclass_fields__) == PAIR_COLUMNS


def test_tatoeba_splits_by_the_english(write_tree: Write) -> None:
    lines = ["Cold tea.\t凉茶。\tCC-BY", "Cold tea.\t茶凉了。\tCC-BY", "two columns\t二", "Warm tea.\t热茶。\tCC-BY", ""]
    pairs, faults = read("tatoeba-cmn", write_tree({"data/cmn.txt": "\n".join(lines).encode() + b"bad \xff\tx\ty\n"}))
    assert brief(pairs, "source_language", "target_language", "culture", "domain", "split") == [
        (english, chinese, "en", "zh", "zh-CN", "sentences", held_out_split(english))
        for english, chinese in (("Cold tea.", "凉茶。"), ("Cold tea.", "茶凉了。"), ("Warm tea.", "热茶。"))]
    assert faults == [("cmn.txt", 3, "2 columns, expected 3"), ("cmn.txt", 5, "byte 5 is not utf-8")]


def msctd_files() -> dict[str, str | bytes]:
    """Two development dialogues a language, one German training dialogue, both halves of the en-zh training set."""
    data, halves = "msctd/MSCTD_data", "msctd/MSCTD_processed_data"
    name = "english_train.txt.norm.tok.lowercase.enzh"
    return {
        f"{data}/enzh/image_index_dev.txt": "[0, 1]\n[2]\n", f"{data}/enzh/english_dev.txt": "It's cold.\nPity.\nMorning!\n",
        f"{data}/enzh/chinese_dev.txt": "茶凉了。\n真可惜。\n早上好!\n",
        f"{data}/ende/image_index_dev.txt": "[0]\n", f"{data}/ende/english_dev.txt": "It's cold.\n", f"{data}/ende/german_dev.txt": "Er ist kalt.\n",
        f"{data}/ende/image_index_train.txt": "{broken\n[0, 1]\n", f"{data}/ende/english_train.txt": "Nora is here.\nI saw Nora!\n",
        f"{data}/ende/german_train.txt": "Nora ist da.\nIch sah Nora!\n",
        f"{halves}/enzh/{name}": "nora is here .\ni 'm late , nora .\n", f"{halves}/enzh/chinese_train.txt.enzh": "诺拉来了。\n我迟到了,诺拉。\n",
        f"{halves}/zhen/{name}": "l 'll ask tom .\nextra\n", f"{halves}/zhen/chinese_train.txt.enzh": "我问汤姆。\n",
    }


def test_msctd_joins_and_cases_its_training_halves(write_tree: Write) -> None:
    tatoeba = "".join(f"I like Tom and Nora, number {n}.\t我{n}\tx\n" for n in range(9))
    root = write_tree({**msctd_files(), "tatoeba-cmn/data/cmn.txt": tatoeba})
    pairs, faults = read("msctd", root / "msctd")
    assert brief(pairs, "culture", "split", "document", "position") == [
        ("It's cold.", "茶凉了。", "zh-CN", "validation", "enzh-dev-1", 0), ("Pity.", "真可惜。", "zh-CN", "validation", "enzh-dev-1", 1),
        ("Morning!", "早上好!", "zh-CN", "validation", "enzh-dev-2", 0), ("It's cold.", "Er ist kalt.", "de-DE", "validation", "ende-dev-1", 0),
        ("Nora is here.", "Nora ist da.", "de-DE", "train", "ende-train-2", 0), ("I saw Nora!", "Ich sah Nora!", "de-DE", "train", "ende-train-2", 1),
        ("Nora is here.", "诺拉来了。", "zh-CN", "train", "", 0), ("I'm late, Nora.", "我迟到了,诺拉。", "zh-CN", "train", "", 0),
        ("I'll ask Tom.", "我问汤姆。", "zh-CN", "train", "", 0),
    ]
    assert {pair.source_language for pair in pairs} == {"en"}
    assert faults == [("image_index_train.txt", 1, "not a JSON list of utterance numbers"),
                      ("english_train.txt.norm.tok.lowercase.enzh", 2,
                       "aligned files differ in length (english_train.txt.norm.tok.lowercase.enzh 2, chinese_train.txt.enzh 1 lines)")]


def test_msctd_needs_no_corpus_beside_it(write_tree: Write) -> None:
    pairs, _ = read("msctd", write_tree(msctd_files()) / "msctd")
    assert [pair.source for pair in pairs][-2:] == ["I'm late, nora.", "I'll ask tom."]


def test_bmeld_is_gb18030_in_order(write_tree: Write) -> None:
    header = "Sr No .,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime,Target"
    rows = [header, '1,"Tea , anyone ?",Ann,joy,positive,3,0,1,2,a,b,谁要茶㐀?', "2,No .,Bob,neutral,neutral,3,x,1,2,a,b,不。", "3,cut", ""]
    root = write_tree({"BMELD_data/train_sent_emo.csv": "\n".join(rows).encode("gb18030"), "BMELD_data/dev_sent_emo.csv": header})
    pairs, faults = read("bmeld", root)
    assert brief(pairs, "domain", "split", "document", "position") == [("Tea, anyone?", "谁要茶㐀?", "subtitles", "train", "train-3", 0)]
    assert faults == [("train_sent_emo.csv", 3, "Utterance_ID 'x' is not a number"), ("train_sent_emo.csv", 4, "2 columns, expected 12")]


def test_3am_joins_what_is_tokenised(write_tree: Write) -> None:
    root = write_tree({"data/train.en": "The cook 's hat .\n", "data/train.zh": "厨师的帽子。\n", "data/val.en": "A cup.\n", "data/val.zh": "一个杯子。\n"})
    pairs, faults = read("3am", root)
    assert brief(pairs, "domain", "split") == [("The cook's hat.", "厨师的帽子。", "captions", "train"), ("A cup.", "一个杯子。", "captions", "validation")]
    assert faults == []


def test_ai_challenger_pairs_segments_by_number(write_tree: Write) -> None:
    english = '<doc>\n<seg id="1"> Tea &amp; cake? </seg>\n<seg id="3"> Alone. </seg>\n<seg> lost\n<seg id="2"> No. </seg>\n</doc>'
    chinese = '<seg id="2"> 不。 </seg>\n<seg id="1"> 茶和蛋糕? </seg>\n<seg id="9"> 多的。 </seg>'
    pairs, faults = read("ai-challenger-en-zh", write_tree({"valid.en-zh.en.sgm": english, "valid.en-zh.zh.sgm": chinese}))
    assert brief(pairs, "split", "domain") == [
        ("Tea & cake?", "茶和蛋糕?", held_out_split("Tea & cake?"), "spoken"), ("No.", "不。", held_out_split("No."), "spoken")]
    assert faults == [("valid.en-zh.en.sgm", 4, "a segment without number or end"), ("valid.en-zh.en.sgm", 3, "segment 3 has no translation"),
                      ("valid.en-zh.zh.sgm", 3, "segment 9 has no translation")]


def test_alma_reads_lines_and_records(write_tree: Write) -> None:
    files: dict[str, str | bytes] = {}
    for language, text in (("zh", "茶"), ("de", "Tee"), ("cs", "Čaj")):
        base = f"human_written_data/{language}en"
        files |= {f"{base}/train.{language}-en.en": "Tea\n", f"{base}/train.{language}-en.{language}": f"{text}\n",
                  f"{base}/valid.{language}-en.json": json.dumps([{"translation": {"en": "More tea", language: text}}])}
    files["human_written_data/csen/valid.cs-en.json"] = '[{"translation": {"en": "More tea"}},\n{"translation": 3}, {"translation": {"en": "a", "cs": "b"}}]'
    pairs, faults = read("alma-human", write_tree(files))
    assert brief(pairs, "target_language", "culture", "split") == [
        ("Tea", "茶", "zh", "zh-CN", "train"), ("More tea", "茶", "zh", "zh-CN", "validation"), ("Tea", "Tee", "de", "de-DE", "train"),
        ("More tea", "Tee", "de", "de-DE", "validation"), ("Tea", "Čaj", "cs", "cs-CZ", "train"), ("a", "b", "cs", "cs-CZ", "validation")]
    assert faults == [("valid.cs-en.json", 1, "no translation with en and cs"), ("valid.cs-en.json", 2, "no translation with en and cs")]


def test_multi30k_gives_three_pairs_a_caption(write_tree: Write) -> None:
    words = {"en": "a cup", "de": "eine Tasse", "fr": "une tasse", "cs": "šálek"}
    files: dict[str, str | bytes] = {f"data/task1/raw/{split}.{language}.gz": gzip.compress(f"{split} {word}\n".encode())
                                     for split in ("train", "val", "test_2016_flickr") for language, word in words.items()}
    root = write_tree(files)
    pairs, faults = read("multi30k", root)
    assert len(pairs) == 9
    assert brief(pairs, "target_language", "culture", "split")[3:6] == [
        ("val a cup", "val eine Tasse", "de", "de-DE", "validation"), ("val a cup", "val une tasse", "fr", "fr-FR", "validation"),
        ("val a cup", "val šálek", "cs", "cs-CZ", "validation")]
    assert {pair.split for pair in pairs[6:]} == {"test"}
    assert faults == []
    path = root / "data/task1/raw/train.en.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorpusError, match=r"train.en.gz is not a whole gzip file .*; fetch it again"):
        read("multi30k", root)


def mlqe_files() -> dict[str, str | bytes]:
    """Two rows a language and split; the table holds the untokenised source of the first."""
    header = "index\toriginal\ttranslation\tscores\tmean\tz_scores\tz_mean\tmodel_scores\n"
    files: dict[str, str | bytes] = {}
    for language, edits in (("de", "Der Tee , kalt .\nNein .\n"), ("zh", "茶   凉 了 。\n不 是 。\n")):
        for split in ("train", "dev"):
            folder = f"en-{language}-{split}"
            table = header + "0\tThe tea (cold).\tMACHINE\t[1]\t1\t[1]\t1\t1\nshort\n"
            files[f"data/direct-assessments/{split}/{folder}.tar.gz"] = archive({f"{folder}/{split}.en{language}.df.short.tsv": table})
            files[f"data/post-editing/{split}/{folder}.tar.gz"] = archive({
                f"{folder}/{split}.src": "The tea ( cold ) .\nOh , no .\n", f"{folder}/{split}.pe": edits, f"{folder}/{split}.mt": "MACHINE\nMACHINE\n"})
    return files


def test_mlqe_reads_what_people_corrected(write_tree: Write) -> None:
    pairs, faults = read("mlqe-pe", write_tree(mlqe_files()))
    assert brief(pairs, "culture", "split") == [
        ("The tea (cold).", "Der Tee, kalt.", "de-DE", "train"), ("Oh, no.", "Nein.", "de-DE", "train"),
        ("The tea (cold).", "Der Tee, kalt.", "de-DE", "validation"), ("Oh, no.", "Nein.", "de-DE", "validation"),
        ("The tea (cold).", "茶 凉了。", "zh-CN", "train"), ("Oh, no.", "不是。", "zh-CN", "train"),
        ("The tea (cold).", "茶 凉了。", "zh-CN", "validation"), ("Oh, no.", "不是。", "zh-CN", "validation")]
    assert faults == [(f"{split}.en{language}.df.short.tsv", 3, "1 columns, expected 8") for language in ("de", "zh") for split in ("train", "dev")]


def test_members_of_archives(write_tree: Write) -> None:
    whole = archive({"tea/cup.txt": "warm", "tea/pot.txt": "hot"})
    root = write_tree({"t.tar.gz": whole, "cut.tar.gz": whole[:40], "none.tar.gz": b"no archive"})
    assert read_bytes(root / "t.tar.gz/tea/cup.txt") == b"warm"
    with pytest.raises(CorpusError, match=r"t.tar.gz holds no tea/bag.txt; fetch the corpus again or leave it out"):
        read_bytes(root / "t.tar.gz/tea/bag.txt")
    for name in ("cut", "none"):
        with pytest.raises(CorpusError, match=rf"{name}.tar.gz is not a whole tar.gz file .*; fetch it again"):
            read_bytes(root / f"{name}.tar.gz/tea/cup.txt")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as members:
        directory = tarfile.TarInfo("tea")
        directory.type = tarfile.DIRTYPE
        members.addfile(directory)
    (root / "t.tar.gz").write_bytes(buffer.getvalue())
    with pytest.raises(CorpusError, match=r"tea in .*t.tar.gz is not a file"):
        read_bytes(root / "t.tar.gz/tea")


def test_nusax_pairs_english_with_every_other_language(write_tree: Write) -> None:
    columns = ["indonesian", "acehnese", "banjarese", "english", "madurese", "ngaju", "sundanese", "balinese", "buginese", "javanese", "minangkabau",
               "toba_batak"]
    table = f",{','.join(columns)}\n0,{','.join(f'{name} tea' for name in columns)}\n1,cut\n"
    pairs, faults = read("nusax", write_tree({"datasets/mt/train.csv": table, "datasets/mt/valid.csv": table.split("1,cut")[0]}))
    assert len(pairs) == 22
    assert {pair.source for pair in pairs} == {"english tea"}
    assert {(pair.target, pair.target_language, pair.culture) for pair in pairs} >= {
        ("indonesian tea", "id", "id-ID"), ("toba_batak tea", "bbc", "bbc-ID"), ("ngaju tea", "nij", "nij-ID")}
    assert faults == [("train.csv", 3, "2 columns, expected 13")]
