"""Importers of tweets and comments: umsab, afrisenti, wisesight-th, hebrew-sentiment, blp23-bangla, brighter, goemotions,
mahasent-md, mesent-codemix, swe-sentiment.

Emotion sets are mapped to sentiment and keep a domain that ends in "-emotion": joy alone is positive; anger, disgust,
fear or sadness without joy is negative; none at all is neutral; surprise alone or a mixture is text without a label.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from models.data.importers.reading import read_aligned, read_csv, read_json_lines, read_tsv
from models.data.schema import Example, Fault, held_out_split

Items = Iterator[Example | Fault]
UMSAB = {"arabic": "ar", "english": "en", "french": "fr", "german": "de", "hindi": "hi", "italian": "it",
         "portuguese": "pt", "spanish": "es"}
HINDI_IN_STEP = 907  # first line of UMSAB's Hindi training file from which its labels fit its texts; see docs/training.md
AFRISENTI = {"amh": ("am", "am-ET"), "arq": ("arq", "ar-DZ"), "ary": ("ary", "ar-MA"), "hau": ("ha", "ha-NG"),
             "ibo": ("ig", "ig-NG"), "kin": ("rw", "rw-RW"), "orm": ("om", "om-ET"), "pcm": ("pcm", "pcm-NG"),
             "por": ("pt", "pt-MZ"), "swa": ("sw", "sw-KE"), "tir": ("ti", "ti-ER"), "tso": ("ts", "ts-MZ"),
             "twi": ("tw", "tw-GH"), "yor": ("yo", "yo-NG")}
BRIGHTER = {"afr": ("af", "af-ZA"), "amh": ("am", "am-ET"), "arq": ("arq", "ar-DZ"), "ary": ("ary", "ar-MA"),
            "chn": ("zh", "zh-CN"), "deu": ("de", "de-DE"), "eng": ("en", "en-US"), "esp": ("es", "es-419"),
            "hau": ("ha", "ha-NG"), "hin": ("hi", "hi-IN"), "ibo": ("ig", "ig-NG"), "kin": ("rw", "rw-RW"),
            "mar": ("mr", "mr-IN"), "orm": ("om", "om-ET"), "pcm": ("pcm", "pcm-NG"), "ptbr": ("pt", "pt-BR"),
            "ptmz": ("pt", "pt-MZ"), "ron": ("ro", "ro-RO"), "rus": ("ru", "ru-RU"), "som": ("so", "so-SO"),
            "sun": ("su", "su-ID"), "swa": ("sw", "sw-KE"), "swe": ("sv", "sv-SE"), "tat": ("tt", "tt-RU"),
            "tir": ("ti", "ti-ER"), "ukr": ("uk", "uk-UA"), "vmw": ("vmw", "vmw-MZ"), "yor": ("yo", "yo-NG")}
NEGATIVE_EMOTIONS = ("anger", "disgust", "fear", "sadness")
# Sentiment groups of the GoEmotions taxonomy (Demszky et al. 2020, figure 2); the rest is ambiguous.
GOEMOTIONS_POSITIVE = {0, 1, 4, 5, 8, 13, 15, 17, 18, 20, 21, 23}
GOEMOTIONS_NEGATIVE = {2, 3, 9, 10, 11, 12, 14, 16, 19, 24, 25}


def emotion_label(emotions: set[str]) -> str:
    """Sentiment of a set of basic emotions, "" where they do not decide."""
    negative = bool(emotions & set(NEGATIVE_EMOTIONS))
    positive = bool(emotions & {"joy", "trust"})
    if negative != positive:
        return "negative" if negative else "positive"
    return "" if emotions else "neutral"


def read_umsab(root: Path) -> Items:
    """UMSAB (Barbieri et al. 2022): balanced tweets of 8 languages, text and label files side by side.

    In the first half of the Hindi training file the labels have slipped against the texts; those lines are text without a label.
    """
    names = {"0": "negative", "1": "neutral", "2": "positive"}
    for folder, language in UMSAB.items():
        for split, name in (("train", "train"), ("validation", "val")):
            paths = [root / f"data/sentiment/{folder}/{name}_{part}.txt" for part in ("text", "labels")]
            for item in read_aligned(paths, "umsab"):
                if isinstance(item, Fault):
                    yield item
                elif item[1][1] not in names:
                    yield Fault("umsab", paths[1].name, item[0], f"label {item[1][1]!r} is not 0, 1 or 2")
                else:
                    text, label = item[1]
                    slipped = folder == "hindi" and split == "train" and item[0] < HINDI_IN_STEP
                    yield Example(text, "" if slipped else names[label], language, language, "tweets", "umsab", split, "Apache-2.0; source terms apply")


def read_afrisenti(root: Path) -> Items:
    """AfriSenti (Muhammad et al. 2023): tweets of 14 African languages, `tweet label` (orm: `ID tweet label`) without quoting."""
    for folder, (language, culture) in AFRISENTI.items():
        for split, name in (("train", "train"), ("validation", "dev")):
            for item in read_tsv(root / f"data/{folder}/{name}.tsv", "afrisenti"):
                if isinstance(item, Fault):
                    yield item
                    continue
                number, cells = item
                if cells[-1] == "label":
                    continue
                if len(cells) != (3 if folder == "orm" else 2) or cells[-1] not in ("negative", "neutral", "positive"):
                    yield Fault("afrisenti", f"{folder}/{name}.tsv", number, f"{len(cells)} columns, or no label in the last one")
                    continue
                yield Example(cells[-2], cells[-1], language, culture, "tweets", "afrisenti", split, "CC BY 4.0")


def read_wisesight(root: Path) -> Items:
    """Wisesight Sentiment (Thai social media); questions (q) are text without a label."""
    names = {"neg": "negative", "neu": "neutral", "pos": "positive", "q": ""}
    for split, name in (("train", "train"), ("validation", "valid")):
        for item in read_json_lines(root / f"huggingface/data/{name}.jsonl", "wisesight-th"):
            if isinstance(item, Fault):
                yield item
            elif item[1].get("category") not in names or not isinstance(item[1].get("texts"), str):
                yield Fault("wisesight-th", f"{name}.jsonl", item[0], "no category and texts")
            else:
                record = item[1]
                yield Example(record["texts"], names[record["category"]], "th", "th-TH", "social", "wisesight-th", split, "CC0 1.0")


def read_hebrew(root: Path) -> Items:
    """Hebrew comments (Amram et al. 2018): 0 positive, 1 negative, 2 off-topic (text without a label)."""
    names = {"0": "positive", "1": "negative", "2": ""}
    for item in read_tsv(root / "data/token_train.tsv", "hebrew-sentiment", columns=2):
        if isinstance(item, Fault):
            yield item
        elif item[1][1] not in names:
            yield Fault("hebrew-sentiment", "token_train.tsv", item[0], f"label {item[1][1]!r} is not 0, 1 or 2")
        else:
            text, label = item[1]
            yield Example(text, names[label], "he", "he-IL", "comments", "hebrew-sentiment", held_out_split(text), "MIT")


def read_blp23(root: Path) -> Items:
    """BLP-2023 task 2 (Bangla), the published development file; a tenth of it is held out."""
    for item in read_tsv(root / "data/blp23_sentiment_dev.tsv", "blp23-bangla", columns=3):
        if isinstance(item, Fault):
            yield item
        elif item[1][2].lower() in ("negative", "neutral", "positive"):
            _, text, label = item[1]
            yield Example(text, label.lower(), "bn", "bn-BD", "social", "blp23-bangla", held_out_split(text), "CC BY-NC-SA 4.0")
        elif item[1][2] != "label":
            yield Fault("blp23-bangla", "blp23_sentiment_dev.tsv", item[0], f"label {item[1][2]!r} is unknown")


def read_mahasent(root: Path) -> Items:
    """MahaSent-MD (Marathi): tweets (GT), film reviews (MR), subtitles (ST); -1, 0, 1."""
    names = {"-1": "negative", "0": "neutral", "1": "positive"}
    base = root / "L3Cube-MahaSent-MD"
    files = (("MahaSent_GT/tweets-train.csv", "tweet", "tweets", "train"),
             ("MahaSent_GT/tweets-valid.csv", "tweet", "tweets", "validation"),
             ("MahaSent_MR/MahaSent_MR_Train.csv", "marathi_sentence", "reviews", "train"),
             ("MahaSent_MR/MahaSent_MR_Val.csv", "marathi_sentence", "reviews", "validation"),
             ("MahaSent_ST/MahaSent_ST_Train.csv", "marathi_text", "subtitles", "train"),
             ("MahaSent_ST/MahaSent_ST_Val.csv", "marathi_text", "subtitles", "validation"))
    for name, column, domain, split in files:
        for item in read_csv(base / name, "mahasent-md", columns=(column, "label")):
            if isinstance(item, Fault):
                yield item
            elif item[1]["label"] not in names:
                yield Fault("mahasent-md", name, item[0], f"label {item[1]['label']!r} is not -1, 0 or 1")
            else:
                yield Example(item[1][column], names[item[1]["label"]], "mr", "mr-IN", domain, "mahasent-md", split, "CC BY-NC-SA 4.0")


def read_mesent(root: Path) -> Items:
    """MeSent: code-mixed Marathi and English tweets in Latin script; -1.0, 0.0, 1.0."""
    names = {"-1.0": "negative", "0.0": "neutral", "1.0": "positive"}
    for split, name in (("train", "train"), ("validation", "val")):
        path = root / f"MeEval/L3Cube-MeSent/codemix-sent-{name}.csv"
        for item in read_csv(path, "mesent-codemix", columns=("tweet", "sentiment")):
            if isinstance(item, Fault):
                yield item
            elif item[1]["sentiment"] not in names:
                yield Fault("mesent-codemix", path.name, item[0], f"label {item[1]['sentiment']!r} is not -1.0, 0.0 or 1.0")
            else:
                yield Example(item[1]["tweet"], names[item[1]["sentiment"]], "mr-Latn", "mr-IN", "tweets", "mesent-codemix", split,
                              "CC BY-NC-SA 4.0")


def read_brighter(root: Path) -> Items:
    """BRIGHTER / SemEval-2025 task 11 track a: emotions of 28 languages, mapped to sentiment."""
    base = root / "semeval-2025-task11-dataset/track_a"
    for folder, (language, culture) in BRIGHTER.items():
        for split, name in (("train", "train"), ("validation", "dev")):
            path = base / name / f"{folder}.csv"
            for item in read_csv(path, "brighter", columns=("text",)) if path.is_file() else ():
                if isinstance(item, Fault):
                    yield item
                    continue
                emotions = {key for key, value in item[1].items() if key not in ("id", "text") and value == "1"}
                yield Example(item[1]["text"], emotion_label(emotions), language, culture, "social-emotion", "brighter", split, "CC BY 4.0")


def read_goemotions(root: Path) -> Items:
    """GoEmotions (Demszky et al. 2020): Reddit comments, 27 emotions and neutral (27) by number."""
    for split, name in (("train", "train"), ("validation", "dev")):
        for item in read_tsv(root / f"data/original/{name}.tsv", "goemotions", columns=3):
            if isinstance(item, Fault):
                yield item
                continue
            text, numbers = item[1][0], {int(number) for number in item[1][1].split(",") if number.isdigit()}
            signs = {"positive" if n in GOEMOTIONS_POSITIVE else "negative" if n in GOEMOTIONS_NEGATIVE else
                     "neutral" if n == 27 else "" for n in numbers}
            label = signs.pop() if len(signs) == 1 else ""
            yield Example(text, label, "en", "en", "social-emotion", "goemotions", split, "Apache-2.0")


def read_swe(root: Path) -> Items:
    """Swedish tweets and comments with emojis; no split, a tenth is held out."""
    names = {"neg": "negative", "neu": "neutral", "pos": "positive"}
    for path in sorted(root.glob("**/*.csv")):
        for item in read_csv(path, "swe-sentiment", columns=("text", "label")):
            if isinstance(item, Fault):
                yield item
            elif item[1]["label"] not in names:
                yield Fault("swe-sentiment", path.name, item[0], f"label {item[1]['label']!r} is not neg, neu or pos")
            else:
                text = item[1]["text"]
                yield Example(text, names[item[1]["label"]], "sv", "sv-SE", "social", "swe-sentiment", held_out_split(text),
                              "free for research and hobby projects")
