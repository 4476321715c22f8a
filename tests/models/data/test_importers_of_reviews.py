"""Importers of reviews on tiny folders in the published formats: exact rows out, broken lines reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models.data.importers import IMPORTERS
from models.data.importers.reviews import NUSAX
from models.data.schema import Example, Fault

Row = tuple[str, str, str, str, str, str, str, int]  # text, label, language, culture, domain, split, document, position
Case = tuple[dict[str, str | bytes], list[Row], list[tuple[str, int, str]]]
SIGNS = {"+": "positive", "0": "neutral", "-": "negative", "": ""}


def rows_of(language: str, culture: str, texts: Sequence[tuple[str, str]], *, domain: str = "reviews", split: str = "") -> list[Row]:
    """Rows without document; their split is the published one, or a tenth by SHA-256."""
    tenth = {text: int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 10 == 0 for text, _ in texts}
    return [(text, SIGNS[sign], language, culture, domain, split or ("validation" if tenth[text] else "train"), "", 0) for text, sign in texts]


def nusax() -> Case:
    base = "datasets/sentiment"
    files: dict[str, str | bytes] = {f"{base}/{folder}/{split}.csv": "id,text,label\n" for folder in NUSAX for split in ("train", "valid")}
    files[f"{base}/javanese/train.csv"] = 'id,text,label\n1,"Wedange enak, adem",positive\n2,Bise telat,negative\n3,Embuh,maybe\n'
    files[f"{base}/english/valid.csv"] = 'id,text,label\n7,"He said ""fine""",neutral\n8,"A row cut in the mid'
    rows = rows_of("en", "en", [('He said "fine"', "0")], split="validation")
    rows += rows_of("jv", "jv-ID", [("Wedange enak, adem", "+"), ("Bise telat", "-")], split="train")
    return files, rows, [("valid.csv", 3, "a quote is not closed"), ("javanese/train.csv", 4, "label 'maybe' is unknown")]


def indonlu() -> Case:
    smsa, emot = "dataset/smsa_doc-sentiment-prosa", "dataset/emot_emotion-twitter"
    files: dict[str, str | bytes] = {
        f"{smsa}/train_preprocess.tsv": "tehnya enak sekali\tpositive\nbis terlambat\tnegative\nhari rabu\nentah\tmaybe\n",
        f"{smsa}/valid_preprocess.tsv": "", f"{emot}/train_preprocess.csv": 'label,tweet\nlove,"Kue, dan kopi"\nfear,Gelap sekali\nbored,Ya sudah\nlove\n',
        f"{emot}/valid_preprocess.csv": "label,tweet\nhappy,Libur besok\n",
    }
    rows = rows_of("id", "id-ID", [("tehnya enak sekali", "+"), ("bis terlambat", "-")], split="train")
    rows += rows_of("id", "id-ID", [("Kue, dan kopi", "+"), ("Gelap sekali", "-")], domain="tweets-emotion", split="train")
    rows += rows_of("id", "id-ID", [("Libur besok", "+")], domain="tweets-emotion", split="validation")
    faults = [("train_preprocess.tsv", 3, "1 columns, expected 2"), ("train_preprocess.tsv", 4, "'maybe'"), ("train_preprocess.csv", 4, "'bored'"),
              ("train_preprocess.csv", 5, "1 columns, expected 2")]
    return files, rows, faults


def chinese() -> Case:
    hotel, take_away, shop = (f"datasets/{name}" for name in (
        "ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv", "waimai_10k/waimai_10k.csv", "online_shopping_10_cats/online_shopping_10_cats.zip"))
    files: dict[str, str | bytes] = {
        hotel: '\ufefflabel,review\n1,"窗外有一棵银杏,很安静"\n0,热水要等半小时\n', take_away: "\ufefflabel,review\n0,汤洒了一半\n5,还行\n",
        shop: "\ufeffcat,label,review\n书籍,1,封面很漂亮\n茶,0\n",
    }
    texts = [("窗外有一棵银杏,很安静", "+"), ("热水要等半小时", "-"), ("汤洒了一半", "-"), ("封面很漂亮", "+")]
    faults = [("waimai_10k/waimai_10k.csv", 3, "label '5' is not 0 or 1"), ("online_shopping_10_cats.zip", 3, "2 columns, expected 3")]
    return files, rows_of("zh", "zh-CN", texts), faults


def mms_asia() -> Case:
    files: dict[str, str | bytes] = {
        "data/japanese/valid.csv": "text,label,source\n お茶がぬるい,negative,shop\n",
        "data/malay/train.csv": 'text,label,source\n"Teh, panas",positive,x\nEntah,?,x\nPotong',
    }
    rows = rows_of("ja", "ja-JP", [(" お茶がぬるい", "-")], split="validation") + rows_of("ms", "ms-MY", [("Teh, panas", "+")], split="train")
    return files, rows, [("malay/train.csv", 3, "label '?' is unknown"), ("train.csv", 4, "1 columns, expected 3")]


def nsmc() -> Case:
    content = 'id\tdocument\tlabel\r\n1\t주인공이 "정말\t1\r\n2\t졸다가 나왔다\t0\r\n3\t모름\t2\r\n4\t잘린'
    faults = [("ratings_train.txt", 4, "label '2' is not 0 or 1"), ("ratings_train.txt", 5, "2 columns, expected 3")]
    return {"ratings_train.txt": content}, rows_of("ko", "ko-KR", [('주인공이 "정말', "+"), ("졸다가 나왔다", "-")]), faults


def uit_vsfc() -> Case:
    files: dict[str, str | bytes] = {
        "data/train/sents.txt": "thầy vui colonsmile .\nphòng nóng doubledot điểm dotdotdot\nkhông rõ\n", "data/train/sentiments.txt": "2\n0\n9\n",
        "data/dev/sents.txt": "bình thường\nthừa\n", "data/dev/sentiments.txt": "1\n",
    }
    rows = rows_of("vi", "vi-VN", [("thầy vui :) .", "+"), ("phòng nóng : điểm ...", "-")], domain="feedback", split="train")
    rows += rows_of("vi", "vi-VN", [("bình thường", "0")], domain="feedback", split="validation")
    return files, rows, [("train/sentiments.txt", 3, "label '9'"), ("sents.txt", 2, "differ in length (sents.txt 2, sentiments.txt 1 lines)")]


def turkish() -> Case:
    name = "magaza_yorumlari_duygu_analizi.csv"
    content = 'Görüş,Durum\r\n"Çay sıcaktı, güzeldi",Olumlu\r\nKargo gelmedi,Olumsuz\r\nEh işte,Tarafsız\r\nBoş,\r\n'.encode("utf-16")
    rows = rows_of("tr", "tr-TR", [("Çay sıcaktı, güzeldi", "+"), ("Kargo gelmedi", "-"), ("Eh işte", "0")])
    faults = [(name, 6, "holds a character that is not utf-16"), (name, 5, "no known value in Durum"), (name, 6, "1 columns, expected 2")]
    return {name: content + "Yar".encode("utf-16-le")[:-1]}, rows, faults


def kazsandra() -> Case:
    files: dict[str, str | bytes] = {
        "dataset/03_pc_train_rus.zip": 'custom_id,text,text_cleaned,domain,label\n'
                                       'a1,"Шай ыстық, дәмді",шай,market,1\na2,Автобус келмеді,x,market,0\na3,Білмеймін,x,market,\n',
        "dataset/04_pc_valid.zip": "custom_id,text,text_cleaned,label,domain\nb1,Супер қолданба,супер,1,appstore\n",
    }
    rows = rows_of("kk", "kk-KZ", [("Шай ыстық, дәмді", "+"), ("Автобус келмеді", "-")], split="train")
    rows += rows_of("kk", "kk-KZ", [("Супер қолданба", "+")], split="validation")
    return files, rows, [("03_pc_train_rus.zip", 4, "label '' is not 0 or 1")]


def laroseda() -> Case:
    def review(title: str, stars: str) -> dict[str, str]:
        return {"index": "1", "title": title, "content": "Ceaiul a ajuns ieri", "starRating": stars}

    good = json.dumps({"reviews": [review("Bun", "5"), review("Acceptabil", "4"), review("Mediocru", "3")]}, indent=4, ensure_ascii=False)
    bad = json.dumps({"reviews": [review("Slab", "2"), review("Rupt", "1")]}, indent=4)
    files: dict[str, str | bytes] = {"data/positive_reviews.json": good, "data/negative_reviews.json": bad[: bad.index("Rupt")]}
    texts = [("Bun. Ceaiul a ajuns ieri", "+"), ("Acceptabil. Ceaiul a ajuns ieri", "+"), ("Slab. Ceaiul a ajuns ieri", "-")]
    faults = [("positive_reviews.json", 15, "no title, content and star rating"), ("negative_reviews.json", 9, "broken JSON record")]
    return files, rows_of("ro", "ro-RO", texts), faults


def deepsentipers() -> Case:
    content = '"چای سرد, تلخ","-2"\n"بسته سالم رسید","1"\n"چهارشنبه","0"\n"نامعلوم","9"\n"بریده"\n'
    texts = [("چای سرد, تلخ", "-"), ("بسته سالم رسید", "+"), ("چهارشنبه", "0")]
    return ({"Dataset/original.csv": content}, rows_of("fa", "fa-IR", texts),
            [("original.csv", 4, "label '9' is not -2"), ("original.csv", 5, "1 columns, expected 2")])


def husst() -> Case:
    train = '[\n  {\n    "id": "0",\n    "Sent": "A tea hideg volt .",\n    "label": "negative"\n  },\n'
    train += '  {\n    "id": "1", "Sent": "rossz "idézet" .", "label": "neutral"\n  },\n'
    train += '  {"id": "2", "Sent": "Szép este .", "label": "positive"},\n  {"id": "3", "Sent": "Cím nélkül ."}\n]\n'
    rows = rows_of("hu", "hu-HU", [("A tea hideg volt .", "-"), ("Szép este .", "+")], split="train")
    files: dict[str, str | bytes] = {"data/sst_train.json": train, "data/sst_dev.json": "[]"}
    return files, rows, [("sst_train.json", 7, "broken JSON record"), ("sst_train.json", 11, "label '' is unknown")]


def norec() -> Case:
    def sentence(number: str, text: str, label: str) -> dict[str, str]:
        return {"sent_id": number, "text": text, "label": label}

    train = [sentence("7001-01-01", "Suppen var salt .", "Negative"), sentence("7001-01-02", "Kl\u00e6r v\u00e6r !", "Positive"),
             sentence("odd", "Onsdag .", "Neutral")]
    dev = json.dumps([sentence("7002-03-04", "Greit nok .", "Neutral")]).removesuffix("]")
    rows: list[Row] = [(text, label, "nb", "nb-NO", "reviews", split, document, position) for text, label, split, document, position in (
        ("Suppen var salt .", "negative", "train", "7001-01", 1), ("Klær vær !", "positive", "train", "7001-01", 2),
        ("Onsdag .", "neutral", "train", "", 0), ("Greit nok .", "neutral", "validation", "7002-03", 4))]
    return {"3class/train.json": json.dumps(train), "3class/dev.json": dev}, rows, [("dev.json", 1, "cut in the middle")]


def open_ru() -> Case:
    content = 'Sentence,Sentiment\n"Чай остыл, увы.",negative\nНовый мост открыт.,positive\nИ хорошо и плохо.,mixed\nСреда.,neutral\nлишняя,запятая,neutral\n'
    texts = [("Чай остыл, увы.", "-"), ("Новый мост открыт.", "+"), ("И хорошо и плохо.", ""), ("Среда.", "0")]
    name = "opensentimentcorpus-final-by-majority.csv"
    return {name: content}, rows_of("ru", "ru-RU", texts, domain="news"), [(name, 6, "3 columns, expected 2")]


def uzbek() -> Case:
    files: dict[str, str | bytes] = {"Datasets/UZ_positive.txt": "Choy juda zo'r\n\nRahmat\n", "Datasets/UZ_negative.txt": b"Ochilmaydi\nsekin\xfe\n"}
    return files, rows_of("uz", "uz-UZ", [("Choy juda zo'r", "+"), ("Rahmat", "+"), ("Ochilmaydi", "-")]), [("UZ_negative.txt", 2, "byte 6 is not utf-8")]


def structured() -> Case:
    def sentence(text: str, *polarities: str) -> dict[str, object]:
        opinions = [{"Source": [[], []], "Target": [["te"], ["0:2"]], "Polarity": sign, "Intensity": "Standard"} for sign in polarities]
        return {"sent_id": "x-1", "text": text, "opinions": opinions}

    spanish = json.dumps([sentence("El té estaba frío", "Negative", "Negative"), sentence("Bonito pero caro", "Positive", "Negative")])
    basque = json.dumps([sentence("Tea ona zen", "Positive")])[:-1] + ',\n{"text": "hau"da", "opinions": [{"Polarity": "Positive"}]}]'
    files: dict[str, str | bytes] = {"data/opener_es/train.json": spanish, "data/multibooked_eu/dev.json": basque,
                                     "data/opener_en/train.json": json.dumps([sentence("It is a room")])}
    rows = rows_of("eu", "eu-ES", [("Tea ona zen", "+")], split="validation") + rows_of("en", "en", [("It is a room", "")], split="train")
    rows += rows_of("es", "es-ES", [("El té estaba frío", "-"), ("Bonito pero caro", "")], split="train")
    return files, rows, [("dev.json", 2, "broken JSON record"), ("multibooked_eu/dev.json", 2, "no text")]


CASES: dict[str, Callable[[], Case]] = {
    "nusax": nusax, "indonlu": indonlu, "chinese-nlp-corpus": chinese, "mms-asia": mms_asia, "nsmc": nsmc, "uit-vsfc": uit_vsfc,
    "turkish-store-reviews": turkish, "kazsandra": kazsandra, "laroseda-ro": laroseda, "deepsentipers": deepsentipers, "husst": husst,
    "norec-sentence": norec, "open-sentiment-ru": open_ru, "uzbek-app-reviews": uzbek, "structured-sentiment": structured,
}


@pytest.mark.parametrize("name", CASES)
def test_rows_and_faults(name: str, write_tree: Callable[[dict[str, str | bytes]], Path]) -> None:
    files, rows, faults = CASES[name]()
    items = list(IMPORTERS[name](write_tree(files)))
    examples = [item for item in items if isinstance(item, Example)]
    assert [(e.text, e.label, e.language, e.culture, e.domain, e.split, e.document, e.position) for e in examples] == rows
    assert {e.dataset for e in examples} == {name}
    assert all(e.licence for e in examples)
    found = [item for item in items if isinstance(item, Fault)]
    assert [(f.dataset, f.file, f.line) for f in found] == [(name, file, line) for file, line, _ in faults]
    for fault, (_, _, reason) in zip(found, faults, strict=True):
        assert reason in fault.reason
