"""Importers of dialogues on tiny folders in the published formats: order, languages, repaired case, broken lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.importers import IMPORTERS
from models.data.importers.dialogues import detokenize
from models.data.schema import Example, Fault

Write = Callable[[dict[str, str | bytes]], Path]
BMELD_HEADER = "Sr No .,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime,Target"


def read(name: str, root: Path) -> tuple[list[tuple[str, str, str, str, str, str, int]], list[tuple[str, int, str]]]:
    """(text, label, language, culture, split, document, position) of each example, and the faults."""
    items = list(IMPORTERS[name](root))
    assert {item.dataset for item in items} == {name}
    rows = [(e.text, e.label, e.language, e.culture, e.split, e.document, e.position) for e in items if isinstance(e, Example)]
    return rows, [(f.file, f.line, f.reason) for f in items if isinstance(f, Fault)]


def msctd_files() -> dict[str, str | bytes]:
    """Two dialogues in the development files, one German training pair, both halves of the en-zh training set."""
    data, halves = "MSCTD_data", "MSCTD_processed_data"
    files: dict[str, str | bytes] = {
        f"{data}/enzh/image_index_dev.txt": "[0, 1]\r\n[2]\r\n", f"{data}/enzh/chinese_dev.txt": "茶凉了。\n真可惜。\n早上好!\n",
        f"{data}/enzh/sentiment_dev.txt": "1\n1\n2\n", f"{data}/ende/image_index_dev.txt": "[0]\r\n", f"{data}/ende/english_dev.txt": "Nice hat.\n",
        f"{data}/ende/german_dev.txt": "Schöner Hut.\n", f"{data}/ende/sentiment_dev.txt": "2\n",
        f"{data}/ende/image_index_train.txt": "[0]\n{broken\n\n[1, 2]\n", f"{data}/ende/english_train.txt": "Is it raining?\nYes.\nBring a coat.\n",
        f"{data}/ende/german_train.txt": "Regnet es?\nJa.\nNimm den Mantel.\n", f"{data}/ende/sentiment_train.txt": "0\n5\n0\n",
    }
    for half, english, chinese in (("enzh", "i 'm cold . is it open ?\n", "我冷。开门了吗?\n"), ("zhen", "don 't !\n", "别!\n")):
        files |= {f"{halves}/{half}/english_train.txt.norm.tok.lowercase.enzh": english, f"{halves}/{half}/chinese_train.txt.enzh": chinese,
                  f"{halves}/{half}/sentiment_train.txt.enzh": "1\n"}
    return files


def test_msctd_keeps_order_and_repairs_the_lower_case_half(write_tree: Write) -> None:
    rows, faults = read("msctd", write_tree(msctd_files()))
    assert rows == [
        ("Is it raining?", "neutral", "en", "en", "train", "ende-train-1-en", 0), ("Bring a coat.", "neutral", "en", "en", "train", "ende-train-4-en", 1),
        ("Regnet es?", "neutral", "de", "de-DE", "train", "ende-train-1-de", 0), ("Nimm den Mantel.", "neutral", "de", "de-DE", "train", "ende-train-4-de", 1),
        ("Nice hat.", "positive", "en", "en", "validation", "ende-dev-1-en", 0), ("Schöner Hut.", "positive", "de", "de-DE", "validation", "ende-dev-1-de", 0),
        ("茶凉了。", "negative", "zh", "zh-CN", "validation", "enzh-dev-1-zh", 0), ("真可惜。", "negative", "zh", "zh-CN", "validation", "enzh-dev-1-zh", 1),
        ("早上好!", "positive", "zh", "zh-CN", "validation", "enzh-dev-2-zh", 0),
        ("I'm cold. Is it open?", "negative", "en", "en", "train", "", 0), ("我冷。开门了吗?", "negative", "zh", "zh-CN", "train", "", 0),
        ("Don't!", "negative", "en", "en", "train", "", 0), ("别!", "negative", "zh", "zh-CN", "train", "", 0),
    ]
    assert faults == [("image_index_train.txt", 2, "not a JSON list of utterance numbers"), ("sentiment_train.txt", 2, "label '5' is not 0, 1 or 2"),
                      ("sentiment_train.txt", 2, "label '5' is not 0, 1 or 2")]


def test_msctd_reports_an_unreadable_index_line_and_a_short_file(write_tree: Write) -> None:
    files = msctd_files()
    files["MSCTD_data/enzh/image_index_dev.txt"] = b"[0, 1]\n\xff[2]\n"
    files["MSCTD_data/enzh/sentiment_dev.txt"] = "1\n1\n"
    rows, faults = read("msctd", write_tree(files))
    assert [row[5:] for row in rows if row[2:5] == ("zh", "zh-CN", "validation")] == [("enzh-dev-1-zh", 0), ("enzh-dev-1-zh", 1)]
    assert ("image_index_dev.txt", 2, "byte 1 is not utf-8") in faults
    assert ("chinese_dev.txt", 3, "aligned files differ in length (chinese_dev.txt 3, sentiment_dev.txt 2 lines)") in faults


def test_bmeld_is_gb18030_and_gives_both_languages(write_tree: Write) -> None:
    train = "\n".join([
        BMELD_HEADER, '1,"Tea , anyone ?",Ann,joy,positive,3,0,1,2,"00:00:01,000","00:00:02,000","谁要茶㐀?"', "2,No .,Bob,neutral,neutral,3,2,1,2,a,b,不。",
        "3,Hm .,Bob,neutral,unsure,3,3,1,2,a,b,嗯。", "4,Hm .,Bob,neutral,neutral,3,x,1,2,a,b,嗯。", ""]).encode("gb18030")
    broken = f"{BMELD_HEADER}\n1,Oh ,A,anger,negative,0,0,1,2,a,b,".encode() + b"\xb2\xff\n"
    broken += "2,Cold .,A,anger,negative,0,1,1,2,a,b,冷。\n3,cut".encode("gb18030")
    rows, faults = read("bmeld", write_tree({"BMELD_data/train_sent_emo.csv": train, "BMELD_data/dev_sent_emo.csv": broken}))
    assert rows == [
        ("Tea , anyone ?", "positive", "en", "en-US", "train", "train-3-en", 0), ("谁要茶㐀?", "positive", "zh", "zh-CN", "train", "train-3-zh", 0),
        ("No .", "neutral", "en", "en-US", "train", "train-3-en", 2), ("不。", "neutral", "zh", "zh-CN", "train", "train-3-zh", 2),
        ("Cold .", "negative", "en", "en-US", "validation", "validation-0-en", 1), ("冷。", "negative", "zh", "zh-CN", "validation", "validation-0-zh", 1),
    ]
    assert [fault[:2] for fault in faults] == [("train_sent_emo.csv", 4), ("train_sent_emo.csv", 5), ("dev_sent_emo.csv", 2), ("dev_sent_emo.csv", 4)]
    assert faults[2][2].endswith("is not gb18030")


def test_xed_maps_emotions_and_reads_neutral_lines(write_tree: Write) -> None:
    files: dict[str, str | bytes] = {
        "AnnotatedData/en-annotated.tsv": "The soup is warm .\t5, 8\r\nWho is there ?\t2\r\nGo away !\t1, 7\r\nOdd\t9\r\n\"cut\r\n",
        "AnnotatedData/fi-annotated.tsv": "Keitto on kylmää .\t6\r\n",
        "AnnotatedData/neu_en.txt": "9\tIt is a lamp.\nno tab\n", "AnnotatedData/neu_fi.txt": b"9\tLamppu palaa.\n9\t\xe4\n",
        "Projections/zh-projections.tsv": "湯冷了\t6\r\n", "Projections/cn-projections.tsv": "汤很好\t5\r\n",
        "Projections/tr-projections2.tsv": "a\tb\tc\td\te\tf\r\nÇorba güzel\t5\r\n",
    }
    rows, faults = read("xed", write_tree(files))
    assert [row[:4] for row in rows] == [
        ("The soup is warm .", "positive", "en", "en"), ("Who is there ?", "", "en", "en"), ("Go away !", "negative", "en", "en"), ("Odd", "", "en", "en"),
        ("Keitto on kylmää .", "negative", "fi", "fi"), ("汤很好", "positive", "zh", "zh-CN"), ("Çorba güzel", "positive", "tr", "tr"),
        ("湯冷了", "negative", "zh", "zh-TW"), ("It is a lamp.", "neutral", "en", "en"), ("Lamppu palaa.", "neutral", "fi", "fi"),
    ]
    assert {row[4:] for row in rows} == {("train", "", 0)}
    assert faults == [("en-annotated.tsv", 5, "1 columns, expected 2"),
                      ("tr-projections2.tsv", 1, "6 columns, expected 2"), ("neu_en.txt", 2, "no second column"), ("neu_fi.txt", 2, "byte 3 is not utf-8")]


@pytest.mark.parametrize(("tokenised", "people_write"), [
    ("i don 't know .", "I don't know."), ("that 's it , i 'm done !", "That's it, I'm done!"), ("we 'll go . they 've gone ?", "We'll go. They've gone?"),
    ("it is n 't ( really )", "It isn't ( really)"), ("", ""), ("Already Fine.", "Already Fine."),
])
def test_detokenize(tokenised: str, people_write: str) -> None:
    assert detokenize(tokenised) == people_write
