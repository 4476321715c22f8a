"""Importers of film and series dialogue: msctd, bmeld (in order, so next-sentence pairs are real) and xed (single lines)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from models.data.importers.reading import read_aligned, read_csv, read_lines, read_tsv
from models.data.importers.social import emotion_label
from models.data.schema import LABELS, Example, Fault

Items = Iterator[Example | Fault]
MSCTD_LABELS = {"0": "neutral", "1": "negative", "2": "positive"}
MSCTD_CULTURES = {"english": ("en", "en"), "chinese": ("zh", "zh-CN"), "german": ("de", "de-DE")}
PLUTCHIK = ("anger", "anticipation", "disgust", "fear", "joy", "sadness", "surprise", "trust")
XED_LANGUAGES = {"cn": "zh-CN", "zh": "zh-TW"}  # the set calls Simplified cn and Traditional zh


def read_msctd(root: Path) -> Items:
    """MSCTD (Liang et al. 2022): utterances with sentiment; English of the en-zh training half is tokenised lower case."""
    base = root / "MSCTD_data"
    for pair, languages in (("ende", ("english", "german")), ("enzh", ("chinese",))):
        for split, name in (("train", "train"), ("validation", "dev")):
            if pair == "enzh" and split == "train":
                continue
            order, faults = dialogue_order(base / pair / f"image_index_{name}.txt")
            yield from faults
            for language in languages:
                paths = [base / pair / f"{language}_{name}.txt", base / pair / f"sentiment_{name}.txt"]
                yield from _utterances(paths, language, split, order, f"{pair}-{name}")
    for half in ("enzh", "zhen"):
        folder = root / "MSCTD_processed_data" / half
        for language, name in (("english", "english_train.txt.norm.tok.lowercase.enzh"), ("chinese", "chinese_train.txt.enzh")):
            yield from _utterances([folder / name, folder / "sentiment_train.txt.enzh"], language, "train", {}, half)


def read_bmeld(root: Path) -> Items:
    """BMELD (GB18030): Friends dialogues, English and Chinese, with sentiment."""
    for split, name in (("train", "train_sent_emo.csv"), ("validation", "dev_sent_emo.csv")):
        columns = ("Utterance", "Target", "Sentiment", "Dialogue_ID", "Utterance_ID")
        for item in read_csv(root / "BMELD_data" / name, "bmeld", columns=columns, encoding="gb18030"):
            if isinstance(item, Fault):
                yield item
                continue
            number, row = item
            if row["Sentiment"] not in LABELS or not row["Utterance_ID"].isdigit():
                yield Fault("bmeld", name, number, "no known Sentiment or Utterance_ID")
                continue
            for column, language, culture in (("Utterance", "en", "en-US"), ("Target", "zh", "zh-CN")):
                yield Example(row[column], row["Sentiment"], language, culture, "subtitles", "bmeld", split, "not stated",
                              f"{split}-{row['Dialogue_ID']}-{language}", int(row["Utterance_ID"]))


def read_xed(root: Path) -> Items:
    """XED (Öhman et al. 2020): film subtitles by Plutchik emotion, mapped to sentiment; single lines without order."""
    files = [(root / f"AnnotatedData/{tag}-annotated.tsv", tag) for tag in ("en", "fi")]
    files += [(path, path.name.split("-")[0]) for path in sorted((root / "Projections").glob("*.tsv"))]
    for path, tag in files:
        culture = XED_LANGUAGES.get(tag, tag)
        for item in read_tsv(path, "xed", columns=2):
            if isinstance(item, Fault):
                yield item
                continue
            emotions = {PLUTCHIK[int(n) - 1] for n in item[1][1].replace(" ", "").split(",") if n.isdigit() and 1 <= int(n) <= 8}
            label = emotion_label(emotions) if emotions else ""
            yield Example(item[1][0], label, culture.split("-")[0], culture, "subtitles-emotion", "xed", "train", "CC BY 4.0")
    for tag in ("en", "fi"):
        for line in read_lines(root / f"AnnotatedData/neu_{tag}.txt", "xed"):
            if isinstance(line, Fault):
                yield line
            elif line[1] and "\t" not in line[1]:
                yield Fault("xed", f"neu_{tag}.txt", line[0], "no second column")
            elif line[1]:
                yield Example(line[1].split("\t", 1)[1], "neutral", tag, tag, "subtitles-emotion", "xed", "train", "CC BY 4.0")


def detokenize(text: str) -> str:
    """Lower-cased, tokenised English as people write it: spaces before marks and clitics closed, sentences capitalised."""
    text = re.sub(r"\s+([.,!?;:%)\]])", r"\1", text)
    text = re.sub(r"\s*n 't\b", "n't", text)
    text = re.sub(r"\s+('(?:s|m|re|ve|ll|d|t))\b", r"\1", text)
    text = re.sub(r"\bi\b(?=$|[ ',.!?])", "I", text)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda match: match[1] + match[2].upper(), text)


def _utterances(paths: list[Path], language: str, split: str, order: dict[int, tuple[int, int]], name: str) -> Items:
    tag, culture = MSCTD_CULTURES[language]
    for item in read_aligned(paths, "msctd"):
        if isinstance(item, Fault):
            yield item
            continue
        number, (text, label) = item
        if label not in MSCTD_LABELS:
            yield Fault("msctd", paths[1].name, number, f"label {label!r} is not 0, 1 or 2")
            continue
        document, position = order.get(number - 1, (-1, 0))
        yield Example(detokenize(text) if "lowercase" in paths[0].name else text, MSCTD_LABELS[label], tag, culture, "subtitles",
                      "msctd", split, "MIT; subtitles for non-commercial use", f"{name}-{document}-{tag}" if document >= 0 else "",
                      position)


def dialogue_order(path: Path) -> tuple[dict[int, tuple[int, int]], list[Fault]]:
    """Utterance number from 0 -> (dialogue, place), and broken lines; each line of an MSCTD index lists one dialogue."""
    order: dict[int, tuple[int, int]] = {}
    faults: list[Fault] = []
    for item in read_lines(path, "msctd"):
        if isinstance(item, Fault):
            faults.append(item)
            continue
        if not item[1].strip():
            continue
        try:
            utterances = [int(number) for number in json.loads(item[1])]
        except (ValueError, TypeError):
            faults.append(Fault("msctd", path.name, item[0], "not a JSON list of utterance numbers"))
            continue
        order.update({utterance: (item[0], place) for place, utterance in enumerate(utterances)})
    return order, faults
