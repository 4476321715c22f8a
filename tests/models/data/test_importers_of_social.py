"""Importers of tweets and comments on tiny folders in the published formats: exact rows out, broken lines reported."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest

from models.data.importers import IMPORTERS
from models.data.importers.social import AFRISENTI, UMSAB, emotion_label
from models.data.schema import Example, Fault

Row = tuple[str, str, str, str, str, str]  # text, label, language, culture, domain, split
Case = tuple[dict[str, str | bytes], list[Row], list[tuple[str, int, str]]]


def held_out(text: str) -> str:
    return "validation" if int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 10 == 0 else "train"


def umsab() -> Case:
    files: dict[str, str | bytes] = {f"data/sentiment/{folder}/{split}_{part}.txt": ""
                                     for folder in UMSAB for split in ("train", "val") for part in ("text", "labels")}
    files["data/sentiment/arabic/train_text.txt"] = "الشاي هنا لذيذ\nتأخر القطار ساعتين\nبلا معنى\n"
    files["data/sentiment/arabic/train_labels.txt"] = "2\n0\n7\n"
    files["data/sentiment/german/train_text.txt"] = b"Der Kuchen war trocken\n@user na ja\n" + "Schön".encode("latin-1") + b"\n"
    files["data/sentiment/german/train_labels.txt"] = "0\r\n1\r\n2\r\n"
    files["data/sentiment/hindi/val_text.txt"] = "चाय बढ़िया थी 😀\nबस नहीं आई\n"
    files["data/sentiment/hindi/val_labels.txt"] = "2\n"
    rows = [("الشاي هنا لذيذ", "positive", "ar", "ar", "tweets", "train"), ("تأخر القطار ساعتين", "negative", "ar", "ar", "tweets", "train"),
            ("Der Kuchen war trocken", "negative", "de", "de", "tweets", "train"), ("@user na ja", "neutral", "de", "de", "tweets", "train"),
            ("चाय बढ़िया थी 😀", "positive", "hi", "hi", "tweets", "validation")]
    faults = [("train_labels.txt", 3, "label '7' is not 0, 1 or 2"), ("train_text.txt", 3, "byte 4 is not utf-8"),
              ("val_text.txt", 2, "aligned files differ in length")]
    return files, rows, faults


def afrisenti() -> Case:
    files: dict[str, str | bytes] = {f"data/{folder}/{split}.tsv": "tweet\tlabel\n" for folder in AFRISENTI for split in ("train", "dev")}
    files["data/por/train.tsv"] = 'tweet\tlabel\n"Ontem choveu em casa\tnegative\nA praia estava linda\tpositive'
    files["data/hau/train.tsv"] = b"tweet\tlabel\nRuwan sanyi\tya yi dadi\tpositive\nBabu wuta yau\tbad\nMun gode\tpositive\nGari\xff\tneutral\n"
    files["data/orm/train.tsv"] = "tweet\tlabel"
    files["data/orm/dev.tsv"] = "ID\ttweet\tlabel\nor_dev_1\tBunni har'aa gaariidha\tpositive\nor_dev_2\tneutral\n"
    rows = [("Mun gode", "positive", "ha", "ha-NG", "tweets", "train"), ("Bunni har'aa gaariidha", "positive", "om", "om-ET", "tweets", "validation"),
            ('"Ontem choveu em casa', "negative", "pt", "pt-MZ", "tweets", "train"), ("A praia estava linda", "positive", "pt", "pt-MZ", "tweets", "train")]
    faults = [("hau/train.tsv", 2, "3 columns"), ("hau/train.tsv", 3, "no label in the last one"), ("train.tsv", 5, "byte 5 is not utf-8"),
              ("orm/dev.tsv", 3, "2 columns")]
    return files, rows, faults


def wisesight() -> Case:
    train = ('{"category":"pos","texts":"\\u0e01\\u0e32\\u0e41\\u0e1f\\u0e2b\\u0e2d\\u0e21"}\n{"category":"q","texts":"เปิดกี่โมง"}\n'
             '{"category":"neg","texts":"ช้\n["neg"]\n\n{"category":"bad","texts":"ดี"}\n{"category":"neu"}\n{"category":"neu","texts":"วันนี้วันพุธ"}\n')
    rows = [("กาแฟหอม", "positive", "th", "th-TH", "social", "train"), ("เปิดกี่โมง", "", "th", "th-TH", "social", "train"),
            ("วันนี้วันพุธ", "neutral", "th", "th-TH", "social", "train"), ("รถติดมาก", "negative", "th", "th-TH", "social", "validation")]
    faults = [("train.jsonl", 3, "not JSON"), ("train.jsonl", 4, "not a JSON object"), ("train.jsonl", 6, "no category and texts"),
              ("train.jsonl", 7, "no category and texts"), ("train.jsonl", 9, "byte 32 is not utf-8")]
    files: dict[str, str | bytes] = {"huggingface/data/train.jsonl": train.encode() + b'{"category":"neu","texts":"cut \xe0\xb8',
                                     "huggingface/data/valid.jsonl": '{"category":"neg","texts":"รถติดมาก"}\n'}
    return files, rows, faults


def hebrew() -> Case:
    texts = ("הקפה כאן נהדר", "האוטובוס לא הגיע", "מה השעה ?")
    content = f"{texts[0]}\t0\n{texts[1]}\t1\n{texts[2]}\t2\nבלי תווית\nתווית זרה\t5\n"
    rows = [(text, label, "he", "he-IL", "comments", held_out(text)) for text, label in zip(texts, ("positive", "negative", ""), strict=True)]
    return {"data/token_train.tsv": content}, rows, [("token_train.tsv", 4, "1 columns, expected 2"), ("token_train.tsv", 5, "label '5'")]


def blp23() -> Case:
    texts = ("চা খুব ভালো ছিল", "বাস আসেনি", "আজ বুধবার")
    content = f"id\ttext\tlabel\n1\t{texts[0]}\tPositive\n2\t{texts[1]}\tNegative\n3\t{texts[2]}\tNeutral\n4\tআবার\tMixed\n5\tকাটা"
    rows = [(text, label, "bn", "bn-BD", "social", held_out(text)) for text, label in zip(texts, ("positive", "negative", "neutral"), strict=True)]
    name = "blp23_sentiment_dev.tsv"
    return {f"data/{name}": content}, rows, [(name, 5, "label 'Mixed' is unknown"), (name, 6, "2 columns, expected 3")]


def mahasent() -> Case:
    base = "L3Cube-MahaSent-MD/MahaSent_"
    files: dict[str, str | bytes] = {
        f"{base}GT/tweets-train.csv": 'tweet,label,political\r\n"चहा, छान होता",1,non-political\r\nबस आली नाही,-1,non-political\r\nअर्धा,3,x\r\n',
        f"{base}GT/tweets-valid.csv": "tweet,label,political\r\n",
        f"{base}MR/MahaSent_MR_Train.csv": ",marathi_sentence,label\n0,गाणी बरी आहेत,0\n1,दोन,1,2\n",
        f"{base}MR/MahaSent_MR_Val.csv": ",marathi_sentence,label\n",
        f"{base}ST/MahaSent_ST_Train.csv": ",marathi_text,label\n0,मी येतो,0\n", f"{base}ST/MahaSent_ST_Val.csv": ",marathi_text,label\n0,मला राग आला,-1\n",
    }
    rows = [("चहा, छान होता", "positive", "mr", "mr-IN", "tweets", "train"), ("बस आली नाही", "negative", "mr", "mr-IN", "tweets", "train"),
            ("गाणी बरी आहेत", "neutral", "mr", "mr-IN", "reviews", "train"), ("मी येतो", "neutral", "mr", "mr-IN", "subtitles", "train"),
            ("मला राग आला", "negative", "mr", "mr-IN", "subtitles", "validation")]
    return files, rows, [("MahaSent_GT/tweets-train.csv", 4, "label '3' is not -1, 0 or 1"), ("MahaSent_MR_Train.csv", 3, "4 columns, expected 3")]


def mesent() -> Case:
    train = 'datetime,tweet,hate,sentiment,profanity\n2012,"Chaha, mast hota",0.0,1.0,0.0\n2013,Bus aali nahi,0.0,-1.0,0.0\n2014,Ardha,0.0,2.0,0.0\n'
    files: dict[str, str | bytes] = {"MeEval/L3Cube-MeSent/codemix-sent-train.csv": train,
                                     "MeEval/L3Cube-MeSent/codemix-sent-val.csv": "datetime,tweet,hate,sentiment,profanity\n2015,Aaj budhwar,0.0,0.0,0.0\n"}
    rows = [(text, label, "mr-Latn", "mr-IN", "tweets", split) for text, label, split in (
        ("Chaha, mast hota", "positive", "train"), ("Bus aali nahi", "negative", "train"), ("Aaj budhwar", "neutral", "validation"))]
    return files, rows, [("codemix-sent-train.csv", 4, "label '2.0' is not -1.0, 0.0 or 1.0")]


def brighter() -> Case:
    base = "semeval-2025-task11-dataset/track_a"
    files: dict[str, str | bytes] = {
        f"{base}/train/afr.csv": "id,text,anger,disgust,fear,joy,sadness\na1,Die tee is koud,1,0,0,0,0\na2,Lekker aand,0,0,0,1,0\na3,Dis Woensdag,0,0,0,0,0\n",
        f"{base}/dev/eng.csv": 'id,text,anger,fear,joy,sadness,surprise\ne1,"Well, a parcel!",0,0,0,0,1\ne2,I laughed and cried,0,0,1,1,0\ne3,cut in the mid',
        f"{base}/dev/vmw.csv": "id,text,anger,disgust,fear,joy,sadness,surprise\nv1,Kihakalala vanjene,0,0,0,1,0,1\n",
    }
    rows = [("Die tee is koud", "negative", "af", "af-ZA", "social-emotion", "train"), ("Lekker aand", "positive", "af", "af-ZA", "social-emotion", "train"),
            ("Dis Woensdag", "neutral", "af", "af-ZA", "social-emotion", "train"), ("Well, a parcel!", "", "en", "en-US", "social-emotion", "validation"),
            ("I laughed and cried", "", "en", "en-US", "social-emotion", "validation"),
            ("Kihakalala vanjene", "positive", "vmw", "vmw-MZ", "social-emotion", "validation")]
    return files, rows, [("eng.csv", 4, "2 columns, expected 7")]


def goemotions() -> Case:
    train = "My plant grew a leaf\t17,13\tid1\nThe kettle broke\t3,25\tid2\nIt is a kettle\t27\tid3\nOdd kettle\t7\tid4\nGreat and awful\t0,3\tid5\nno id\t3\n"
    rows = [(text, label, "en", "en", "social-emotion", "train") for text, label in (
        ("My plant grew a leaf", "positive"), ("The kettle broke", "negative"), ("It is a kettle", "neutral"), ("Odd kettle", ""), ("Great and awful", ""))]
    rows.append(("Thanks a lot for the soup", "positive", "en", "en", "social-emotion", "validation"))
    files: dict[str, str | bytes] = {"data/original/train.tsv": train, "data/original/dev.tsv": "Thanks a lot for the soup\t15\tid6"}
    return files, rows, [("train.tsv", 6, "2 columns, expected 3")]


def swe() -> Case:
    texts = ("Kaffet var kallt 😒", "Fin kväll, tack", "Det är onsdag")
    content = f'text,label,all_labels\n{texts[0]},neg,"neg,neg,neu"\n"{texts[1]}",pos,"pos,pos"\n{texts[2]},neu,neu\nkanske,N/A,N/A\n'
    rows = [(text, label, "sv", "sv-SE", "social", held_out(text)) for text, label in zip(texts, ("negative", "positive", "neutral"), strict=True)]
    return {"swe-sentiment-dataset.csv": content}, rows, [("swe-sentiment-dataset.csv", 5, "label 'N/A' is not neg, neu or pos")]


CASES: dict[str, Callable[[], Case]] = {
    "umsab": umsab, "afrisenti": afrisenti, "wisesight-th": wisesight, "hebrew-sentiment": hebrew, "blp23-bangla": blp23,
    "mahasent-md": mahasent, "mesent-codemix": mesent, "brighter": brighter, "goemotions": goemotions, "swe-sentiment": swe,
}


@pytest.mark.parametrize("name", CASES)
def test_rows_and_faults(name: str, write_tree: Callable[[dict[str, str | bytes]], Path]) -> None:
    files, rows, faults = CASES[name]()
    items = list(IMPORTERS[name](write_tree(files)))
    examples = [item for item in items if isinstance(item, Example)]
    assert [(e.text, e.label, e.language, e.culture, e.domain, e.split) for e in examples] == rows
    assert {(e.dataset, e.document, e.position) for e in examples} == {(name, "", 0)}
    found = [item for item in items if isinstance(item, Fault)]
    assert [(f.dataset, f.file, f.line) for f in found] == [(name, file, line) for file, line, _ in faults]
    for fault, (_, _, reason) in zip(found, faults, strict=True):
        assert reason in fault.reason
    assert all(astuple(example)[7] for example in examples)  # the licence is always named


@pytest.mark.parametrize(("emotions", "label"), [
    ({"joy"}, "positive"), ({"trust", "surprise"}, "positive"), ({"fear"}, "negative"), ({"anger", "surprise"}, "negative"),
    ({"joy", "sadness"}, ""), ({"surprise"}, ""), ({"anticipation"}, ""), (set(), "neutral"),
])
def test_emotions_become_sentiment_only_where_they_decide(emotions: set[str], label: str) -> None:
    assert emotion_label(emotions) == label
