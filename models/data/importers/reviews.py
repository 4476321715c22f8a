"""Importers of reviews: nusax, indonlu, chinese-nlp-corpus, mms-asia, nsmc, uit-vsfc, turkish-store-reviews, kazsandra,
laroseda-ro, deepsentipers, husst, norec-sentence, open-sentiment-ru, uzbek-app-reviews, structured-sentiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.importers.reading import read_aligned, read_csv, read_json_records, read_lines, read_tsv
from models.data.schema import LABELS, Example, Fault, held_out_split

Items = Iterator[Example | Fault]
NUSAX = {"indonesian": "id", "english": "en", "javanese": "jv", "sundanese": "su", "minangkabau": "min", "buginese": "bug",
         "banjarese": "bjn", "acehnese": "ace", "madurese": "mad", "balinese": "ban", "ngaju": "nij", "toba_batak": "bbc"}
STUDENT_MARKS = {"colonsmile": ":)", "colonsad": ":(", "colonsurprise": ":O", "colonlove": "<3", "colonsmilesmile": ":))",
                 "coloncontemn": ":/", "colonbigsmile": ":D", "coloncc": ":C", "colonsmallsmile": ":3",
                 "colonhihi": ":>", "colonlovelove": "<3<3", "doubledot": ":", "fraction": "/", "csharp": "c#",
                 "vdotv": "v.v", "dotdotdot": "...", "dotdot": ".."}


def read_nusax(root: Path) -> Items:
    """NusaX-Senti (Winata et al. 2023): the same sentences in 12 languages of Indonesia and English."""
    for folder, language in NUSAX.items():
        for split, name in (("train", "train"), ("validation", "valid")):
            for item in read_csv(root / f"datasets/sentiment/{folder}/{name}.csv", "nusax", columns=("id", "text", "label")):
                if isinstance(item, Fault):
                    yield item
                elif item[1].get("label") not in LABELS:
                    yield Fault("nusax", f"{folder}/{name}.csv", item[0], f"label {item[1].get('label')!r} is unknown")
                else:
                    yield Example(item[1]["text"], item[1]["label"], language, f"{language}-ID" if language != "en" else "en",
                                  "reviews", "nusax", split, "CC BY-SA 4.0", item=f"{split}-{item[1]['id']}")


def read_indonlu(root: Path) -> Items:
    """IndoNLU SmSA (Indonesian reviews) and EmoT (tweets by emotion, mapped to sentiment)."""
    emotions = {"anger": "negative", "fear": "negative", "sadness": "negative", "happy": "positive", "love": "positive"}
    for split, name in (("train", "train"), ("validation", "valid")):
        base = root / "dataset"
        for item in read_tsv(base / f"smsa_doc-sentiment-prosa/{name}_preprocess.tsv", "indonlu", columns=2):
            if isinstance(item, Fault):
                yield item
            elif item[1][1] not in LABELS:
                yield Fault("indonlu", f"{name}_preprocess.tsv", item[0], f"label {item[1][1]!r} is unknown")
            else:
                yield Example(item[1][0], item[1][1], "id", "id-ID", "reviews", "indonlu", split, "Apache-2.0")
        for row in read_csv(base / f"emot_emotion-twitter/{name}_preprocess.csv", "indonlu", columns=("tweet", "label")):
            if isinstance(row, Fault):
                yield row
            elif row[1]["label"] not in emotions:
                yield Fault("indonlu", f"{name}_preprocess.csv", row[0], f"label {row[1]['label']!r} is unknown")
            else:
                yield Example(row[1]["tweet"], emotions[row[1]["label"]], "id", "id-ID", "tweets-emotion", "indonlu",
                              split, "Apache-2.0")


def read_chinese(root: Path) -> Items:
    """Chinese hotel, take-away and shop reviews, 1 positive and 0 negative; no split, a tenth is held out."""
    names = ("ChnSentiCorp_htl_all/ChnSentiCorp_htl_all.csv", "waimai_10k/waimai_10k.csv",
             "online_shopping_10_cats/online_shopping_10_cats.zip")
    for name in names:
        rows = read_csv(root / "datasets" / name, "chinese-nlp-corpus", columns=("review", "label"))
        yield from _binary(rows, "review", "zh", "zh-CN", "chinese-nlp-corpus", name, "not stated")


def read_mms_asia(root: Path) -> Items:
    """Chinese, Japanese and Malay reviews and news lines (mms-asia), as split by its authors."""
    languages = {"chinese": ("zh", "zh-CN"), "japanese": ("ja", "ja-JP"), "malay": ("ms", "ms-MY")}
    for folder, (language, culture) in languages.items():
        for split, name in (("train", "train"), ("validation", "valid")):
            path = root / f"data/{folder}/{name}.csv"
            for item in read_csv(path, "mms-asia", columns=("text", "label")) if path.is_file() else ():
                if isinstance(item, Fault):
                    yield item
                elif item[1]["label"] not in LABELS:
                    yield Fault("mms-asia", f"{folder}/{name}.csv", item[0], f"label {item[1]['label']!r} is unknown")
                else:
                    yield Example(item[1]["text"], item[1]["label"], language, culture, "reviews", "mms-asia", split,
                                  "Apache-2.0; source terms apply")


def read_nsmc(root: Path) -> Items:
    """NSMC (Korean film reviews, shortened copy): `id document label`; a tenth is held out."""
    for item in read_tsv(root / "ratings_train.txt", "nsmc", columns=3):
        if isinstance(item, Fault):
            yield item
        elif item[1][2] in ("0", "1"):
            text = item[1][1]
            yield Example(text, "positive" if item[1][2] == "1" else "negative", "ko", "ko-KR", "reviews", "nsmc",
                          held_out_split(text), "CC0 1.0")
        elif item[1][2] != "label":
            yield Fault("nsmc", "ratings_train.txt", item[0], f"label {item[1][2]!r} is not 0 or 1")


def read_uit_vsfc(root: Path) -> Items:
    """UIT-VSFC (Vietnamese student feedback); its words for emoticons are turned back into emoticons."""
    for split, folder in (("train", "train"), ("validation", "dev")):
        for item in read_aligned([root / f"data/{folder}/{name}.txt" for name in ("sents", "sentiments")], "uit-vsfc"):
            if isinstance(item, Fault):
                yield item
            elif item[1][1] not in ("0", "1", "2"):
                yield Fault("uit-vsfc", f"{folder}/sentiments.txt", item[0], f"label {item[1][1]!r} is not 0, 1 or 2")
            else:
                text = " ".join(STUDENT_MARKS.get(word, word) for word in item[1][0].split())
                yield Example(text, LABELS[int(item[1][1])], "vi", "vi-VN", "feedback", "uit-vsfc", split, "not stated")


def read_turkish(root: Path) -> Items:
    """Turkish web-shop reviews in UTF-16; no split, a tenth is held out."""
    names = {"Olumlu": "positive", "Olumsuz": "negative", "Tarafsız": "neutral"}
    path = root / "magaza_yorumlari_duygu_analizi.csv"
    for item in read_csv(path, "turkish-store-reviews", columns=("Görüş", "Durum"), encoding="utf-16"):
        if isinstance(item, Fault):
            yield item
        elif item[1].get("Durum") in names:
            text = item[1]["Görüş"]
            yield Example(text, names[item[1]["Durum"]], "tr", "tr-TR", "reviews", "turkish-store-reviews",
                          held_out_split(text), "not stated")
        else:
            yield Fault("turkish-store-reviews", path.name, item[0], "no known value in Durum")


def read_kazsandra(root: Path) -> Items:
    """KazSAnDRA polarity (Kazakh reviews, often mixed with Russian): 1 positive, 0 negative."""
    for split, name in (("train", "03_pc_train_rus.zip"), ("validation", "04_pc_valid.zip")):
        rows = read_csv(root / "dataset" / name, "kazsandra", columns=("text", "label"))
        yield from _binary(rows, "text", "kk", "kk-KZ", "kazsandra", name, "not stated", split=split)


def read_laroseda(root: Path) -> Items:
    """LaRoSeDa (Romanian product reviews): 1-2 stars negative, 4-5 positive; title and text are two ordered sentences."""
    for name in ("positive", "negative"):
        for item in read_json_records(root / f"data/{name}_reviews.json", "laroseda-ro"):
            if isinstance(item, Fault):
                yield item
                continue
            record = item[1].get("reviews", [item[1]])
            for review in record:
                if str(review.get("starRating")) not in ("1", "2", "4", "5") or not {"title", "content"} <= set(review):
                    yield Fault("laroseda-ro", f"{name}_reviews.json", item[0], "no title, content and star rating of 1, 2, 4 or 5")
                    continue
                label = "positive" if int(review["starRating"]) > 3 else "negative"
                text = f"{review['title']}. {review['content']}"
                yield Example(text, label, "ro", "ro-RO", "reviews", "laroseda-ro", held_out_split(text), "CC BY-NC-SA 4.0")


def read_deepsentipers(root: Path) -> Items:
    """DeepSentiPers (Persian product reviews): -2, -1 negative, 0 neutral, 1, 2 positive; a tenth is held out."""
    for item in read_csv(root / "Dataset/original.csv", "deepsentipers", header=False):
        if isinstance(item, Fault):
            yield item
        elif item[1].get("1") in ("-2", "-1", "0", "1", "2"):
            text, value = item[1]["0"], int(item[1]["1"])
            yield Example(text, LABELS[(value > 0) - (value < 0) + 1], "fa", "fa-IR", "reviews", "deepsentipers",
                          held_out_split(text), "not stated")
        else:
            yield Fault("deepsentipers", "original.csv", item[0], f"label {item[1].get('1')!r} is not -2 … 2")


def read_husst(root: Path) -> Items:
    """HuSST (Hungarian film-review sentences)."""
    for split, name in (("train", "sst_train"), ("validation", "sst_dev")):
        yield from _records(root / f"data/{name}.json", "husst", "Sent", "hu", "hu-HU", split, "CC BY-SA 4.0")


def read_norec(root: Path) -> Items:
    """NoReC sentences (Norwegian reviews); sentence numbers give the order inside a review."""
    for split, name in (("train", "train"), ("validation", "dev")):
        yield from _records(root / f"3class/{name}.json", "norec-sentence", "text", "nb", "nb-NO", split, "CC BY-NC 4.0")


def read_open_ru(root: Path) -> Items:
    """OpenSentimentCorpus (Russian sentences), majority labels; mixed ones are text only; a tenth is held out."""
    for item in read_csv(root / "opensentimentcorpus-final-by-majority.csv", "open-sentiment-ru", columns=("Sentence", "Sentiment")):
        if isinstance(item, Fault):
            yield item
        else:
            text, label = item[1]["Sentence"], item[1]["Sentiment"]
            yield Example(text, label if label in LABELS else "", "ru", "ru-RU", "news", "open-sentiment-ru",
                          held_out_split(text), "CC BY-SA 3.0")


def read_uzbek(root: Path) -> Items:
    """Uzbek app reviews, one file a label; a tenth is held out."""
    for label in ("positive", "negative"):
        for item in read_lines(root / f"Datasets/UZ_{label}.txt", "uzbek-app-reviews"):
            if isinstance(item, Fault):
                yield item
            elif item[1].strip():
                yield Example(item[1], label, "uz", "uz-UZ", "reviews", "uzbek-app-reviews", held_out_split(item[1]), "not stated")


def read_structured(root: Path) -> Items:
    """SemEval-2022 structured sentiment (hotel reviews, ca eu es en): labelled where all opinions of a sentence agree."""
    cultures = {"ca": "ca-ES", "eu": "eu-ES", "es": "es-ES", "en": "en"}
    for path in sorted(root.glob("**/*.json")):
        language = next((tag for tag in cultures if f"_{tag}" in str(path.parent) or path.parent.name.endswith(tag)), "en")
        split = "train" if "train" in path.name else "validation"
        for item in read_json_records(path, "structured-sentiment"):
            if isinstance(item, Fault):
                yield item
                continue
            if not isinstance(item[1].get("text"), str):
                yield Fault("structured-sentiment", f"{path.parent.name}/{path.name}", item[0], "no text")
                continue
            signs = {str(opinion.get("Polarity", "")).lower() for opinion in item[1].get("opinions", [])}
            label = signs.pop() if len(signs) == 1 else ""
            yield Example(item[1]["text"], label if label in LABELS else "", language, cultures[language], "reviews",
                          "structured-sentiment", split, "not stated")


def _records(path: Path, dataset: str, column: str, language: str, culture: str, split: str, licence: str) -> Items:
    """Rows of a JSON list with a label in any case; sent_id 201911-01-02 gives document and position."""
    for item in read_json_records(path, dataset):
        if isinstance(item, Fault):
            yield item
            continue
        label, parts = str(item[1].get("label", "")).lower(), str(item[1].get("sent_id", "")).split("-")
        if label not in LABELS or column not in item[1]:
            yield Fault(dataset, path.name, item[0], f"label {label!r} is unknown")
            continue
        document = "-".join(parts[:2]) if len(parts) == 3 and parts[2].isdigit() else ""
        yield Example(item[1][column], label, language, culture, "reviews", dataset, split, licence, document,
                      int(parts[2]) if document else 0)


def _binary(
    rows: Iterator[tuple[int, dict[str, str]] | Fault], column: str, language: str, culture: str, dataset: str, name: str,
    licence: str, *, split: str = "",
) -> Items:
    """Rows with 1 positive and 0 negative."""
    for item in rows:
        if isinstance(item, Fault):
            yield item
        elif item[1].get("label") not in ("0", "1"):
            yield Fault(dataset, name, item[0], f"label {item[1].get('label')!r} is not 0 or 1")
        else:
            text = item[1][column]
            yield Example(text, "positive" if item[1]["label"] == "1" else "negative", language, culture, "reviews", dataset,
                          split or held_out_split(text), licence)
