"""Importers of parallel text to train on: tatoeba-cmn, msctd, bmeld, 3am, ai-challenger-en-zh, alma-human, multi30k, mlqe-pe, nusax."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from models.data.casing import Casing, join_han, join_marks, learn_casing
from models.data.importers.dialogues import MSCTD_CULTURES, dialogue_order
from models.data.importers.reading import read_aligned, read_csv, read_json_records, read_lines, read_tsv
from models.data.importers.reviews import NUSAX
from models.data.pairs import Pair
from models.data.schema import Fault, held_out_split

Items = Iterator[Pair | Fault]
CULTURES = {"zh": "zh-CN", "de": "de-DE", "fr": "fr-FR", "cs": "cs-CZ"}
MSCTD_LICENCE = "MIT; subtitles for non-commercial use"
_SEGMENT = re.compile(r'<seg id="(\d+)">(.*)</seg>')
_BLANK = re.compile(r"\s+")
_MISREAD = re.compile(r"\bl(?='(?:m|ll|ve|d)\b)")  # subtitles read by machine: "l'll" for "I'll"


def read_tatoeba_cmn(root: Path) -> Items:
    """Tatoeba (Tiedemann 2020), as exported by manythings.org: `English Chinese attribution`; a sentence may have several
    translations, so the split goes by the English."""
    for item in read_tsv(root / "data/cmn.txt", "tatoeba-cmn", columns=3):
        if isinstance(item, Fault):
            yield item
        else:
            english, chinese, _ = item[1]
            yield Pair(english, chinese, "en", "zh", "zh-CN", "sentences", "tatoeba-cmn", held_out_split(english), "CC BY 2.0 FR")


def read_msctd_pairs(root: Path) -> Items:
    """MSCTD (Liang et al. 2022): film subtitles, written in English.

    The English of the Chinese training halves is tokenised and in lower case; it is joined, and cased as the other corpora
    of English beside it write its sentences and words. Their dialogues have no order, the other files have.
    """
    base = root / "MSCTD_data"
    for pair, language in (("enzh", "chinese"), ("ende", "german")):
        for split, name in (("validation", "dev"), ("train", "train")):
            if pair == "enzh" and split == "train":
                continue
            order, faults = dialogue_order(base / pair / f"image_index_{name}.txt")
            yield from faults
            places = {number + 1: (f"{pair}-{name}-{dialogue}", place) for number, (dialogue, place) in order.items()}
            paths = base / pair / f"english_{name}.txt", base / pair / f"{language}_{name}.txt"
            yield from read_two(*paths, "en", MSCTD_CULTURES[language][0], "subtitles", "msctd", split, MSCTD_LICENCE, places=places)
    casing = learn_casing(_cased_english(root))
    for half in ("enzh", "zhen"):
        folder = root / "MSCTD_processed_data" / half
        paths = folder / "english_train.txt.norm.tok.lowercase.enzh", folder / "chinese_train.txt.enzh"
        for item in read_two(*paths, "en", "zh", "subtitles", "msctd", "train", MSCTD_LICENCE):
            yield replace(item, source=_written(item.source, casing)) if isinstance(item, Pair) else item


def read_bmeld_pairs(root: Path) -> Items:
    """BMELD (Liang et al. 2021, after MELD, Poria et al. 2019): dialogues of the series Friends; GB18030. Blanks
    before the marks of the English are closed."""
    for split, name in (("train", "train_sent_emo.csv"), ("validation", "dev_sent_emo.csv")):
        columns = ("Utterance", "Target", "Dialogue_ID", "Utterance_ID")
        for item in read_csv(root / "BMELD_data" / name, "bmeld", columns=columns, encoding="gb18030"):
            if isinstance(item, Fault):
                yield item
            elif not item[1]["Utterance_ID"].isdigit():
                yield Fault("bmeld", name, item[0], f"Utterance_ID {item[1]['Utterance_ID']!r} is not a number")
            else:
                row = item[1]
                yield Pair(join_marks(row["Utterance"]), row["Target"], "en", "zh", "zh-CN", "subtitles", "bmeld", split, "not stated",
                           f"{split}-{row['Dialogue_ID']}", int(row["Utterance_ID"]))


def read_3am(root: Path) -> Items:
    """3AM (Ma et al. 2024): captions of photographs chosen for ambiguous words, some also in Multi30k; some English is tokenised."""
    for split, name in (("train", "train"), ("validation", "val")):
        for item in read_two(root / f"data/{name}.en", root / f"data/{name}.zh", "en", "zh", "captions", "3am", split, "MIT"):
            yield replace(item, source=join_marks(item.source)) if isinstance(item, Pair) else item


def read_ai_challenger(root: Path) -> Items:
    """AI Challenger 2017 (Wu et al. 2017), spoken English; only its validation file is public, a tenth of it stays that."""
    sides: list[dict[int, tuple[int, str]]] = []  # segment number -> line and text
    paths = [root / f"valid.en-zh.{language}.sgm" for language in ("en", "zh")]
    for path in paths:
        segments: dict[int, tuple[int, str]] = {}
        for item in read_lines(path, "ai-challenger-en-zh"):
            if isinstance(item, Fault):
                yield item
            elif match := _SEGMENT.search(item[1]):
                segments[int(match[1])] = item[0], html.unescape(match[2]).strip()
            elif "<seg" in item[1]:
                yield Fault("ai-challenger-en-zh", path.name, item[0], "a segment without number or end")
        sides.append(segments)
    for number in sorted(sides[0].keys() | sides[1].keys()):
        english, chinese = sides[0].get(number), sides[1].get(number)
        if english and chinese:
            yield Pair(english[1], chinese[1], "en", "zh", "zh-CN", "spoken", "ai-challenger-en-zh", held_out_split(english[1]), "not stated")
        else:
            side = 0 if english else 1
            yield Fault("ai-challenger-en-zh", paths[side].name, sides[side][number][0], f"segment {number} has no translation")


def read_alma_human(root: Path) -> Items:
    """News of WMT17-20 as gathered for ALMA (Xu et al. 2024), both directions mixed; validation is newstest2021 from English."""
    licence = "MIT; WMT terms apply to the text"
    for language in ("zh", "de", "cs"):
        base = root / "human_written_data" / f"{language}en"
        paths = base / f"train.{language}-en.en", base / f"train.{language}-en.{language}"
        yield from read_two(*paths, "en", language, "news", "alma-human", "train", licence)
        path = base / f"valid.{language}-en.json"
        for item in read_json_records(path, "alma-human"):
            if isinstance(item, Fault):
                yield item
                continue
            sides = item[1].get("translation")
            if not isinstance(sides, dict) or not isinstance(sides.get("en"), str) or not isinstance(sides.get(language), str):
                yield Fault("alma-human", path.name, item[0], f"no translation with en and {language}")
            else:
                yield Pair(sides["en"], sides[language], "en", language, CULTURES[language], "news", "alma-human", "validation", licence)


def read_multi30k(root: Path) -> Items:
    """Multi30k (Elliott et al. 2016): captions of Flickr photographs, translated from English to German, French and Czech."""
    for split, name in (("train", "train"), ("validation", "val"), ("test", "test_2016_flickr")):
        for language in ("de", "fr", "cs"):
            paths = root / f"data/task1/raw/{name}.en.gz", root / f"data/task1/raw/{name}.{language}.gz"
            yield from read_two(*paths, "en", language, "captions", "multi30k", split, "Flickr terms; text not stated")


def read_mlqe_pe(root: Path) -> Items:
    """MLQE-PE (Fomicheva et al. 2022): Wikipedia, machine translated and corrected by people; only corrected ones are read.

    The corrections are tokenised and are joined; their sources stand untokenised in the other half of the set, in the same order.
    """
    for language in ("de", "zh"):
        for split, name in (("train", "train"), ("validation", "dev")):
            folder = f"en-{language}-{name}"
            originals: dict[str, str] = {}
            table = root / f"data/direct-assessments/{name}/{folder}.tar.gz" / folder / f"{name}.en{language}.df.short.tsv"
            for item in read_tsv(table, "mlqe-pe", columns=8):
                if isinstance(item, Fault):
                    yield item
                else:
                    originals.setdefault(_BLANK.sub("", item[1][1]), item[1][1])
            edits = root / f"data/post-editing/{name}/{folder}.tar.gz" / folder
            for row in read_aligned([edits / f"{name}.src", edits / f"{name}.pe"], "mlqe-pe"):
                if isinstance(row, Fault):
                    yield row
                    continue
                source, target = row[1]
                yield Pair(originals.get(_BLANK.sub("", source), join_marks(source)), join_han(target) if language == "zh" else join_marks(target),
                           "en", language, CULTURES[language], "wikipedia", "mlqe-pe", split, "CC0 1.0")


def read_nusax_pairs(root: Path) -> Items:
    """NusaX-MT (Winata et al. 2023): Indonesian reviews and tweets in English and ten languages of Indonesia, from English here.

    A few cells hold a note of the translators or the translation of another row; the language check and the length ratio find some.
    """
    for split, name in (("train", "train"), ("validation", "valid")):
        for item in read_csv(root / f"datasets/mt/{name}.csv", "nusax", columns=tuple(NUSAX)):
            if isinstance(item, Fault):
                yield item
                continue
            for column, language in NUSAX.items():
                if language != "en":
                    yield Pair(item[1]["english"], item[1][column], "en", language, f"{language}-ID", "reviews", "nusax", split, "CC BY-SA 4.0")


def read_two(
    source_path: Path, target_path: Path, source: str, target: str, domain: str, dataset: str, split: str, licence: str, *, culture: str = "",
    places: Mapping[int, tuple[str, int]] = MappingProxyType({}),
) -> Items:
    """Pairs of two line-aligned files.

    Args:
        culture: Of the side that is not English, by default the home country of its language.
        places: Line number -> document and position.
    """
    culture = culture or CULTURES[target if source == "en" else source]
    for item in read_aligned([source_path, target_path], dataset):
        if isinstance(item, Fault):
            yield item
        else:
            document, position = places.get(item[0], ("", 0))
            yield Pair(item[1][0], item[1][1], source, target, culture, domain, dataset, split, licence, document, position)


def _cased_english(root: Path) -> Iterator[str]:
    """English of MSCTD's German half and of the training parts of the corpora beside it."""
    for line in read_lines(root / "MSCTD_data/ende/english_train.txt", "msctd"):
        if not isinstance(line, Fault):
            yield line[1]
    for name, read in (("bmeld", read_bmeld_pairs), ("tatoeba-cmn", read_tatoeba_cmn), ("ai-challenger-en-zh", read_ai_challenger),
                       ("alma-human", read_alma_human)):
        if (root.parent / name).is_dir():
            yield from (pair.source for pair in read(root.parent / name) if isinstance(pair, Pair) and pair.split == "train")


def _written(text: str, casing: Casing) -> str:
    return casing.restore(_MISREAD.sub("i", join_marks(text)))
