"""Importers of parallel text to measure on: wmt22-general, laser-tatoeba, ntrex; all of it is test."""

from __future__ import annotations

from pathlib import Path

from models.data.importers.parallel import CULTURES, Items
from models.data.importers.reading import read_aligned, read_lines
from models.data.pairs import Pair
from models.data.schema import Fault
from models.errors import CorpusError

WMT22 = (("en", "zh"), ("zh", "en"), ("en", "de"), ("de", "en"), ("en", "cs"), ("cs", "en"))
LASER = {"cmn": "zh", "deu": "de", "fra": "fr", "ces": "cs"}
NTREX = {"zho-CN": "zh-CN", "zho-TW": "zh-TW", "deu": "de-DE", "fra": "fr-FR", "ind": "id-ID"}


def read_wmt22(root: Path) -> Items:
    """WMT22 general test (Kocmi et al. 2022): news, talk, reviews and chat; the first reference there is (A, for Czech B)."""
    for source, target in WMT22:
        name = f"generaltest2022.{source}-{target}"
        references = sorted((root / "txt/references").glob(f"{name}.ref.?.{target}"))
        if not references:
            raise CorpusError(f"{root}/txt/references holds no {name}.ref.A.{target}; fetch the corpus again or leave it out of the sources.")
        for item in read_aligned([root / f"txt/sources/{name}.src.{source}", references[0]], "wmt22-general"):
            if isinstance(item, Fault):
                yield item
            else:
                yield Pair(*item[1], source, target, CULTURES[target if source == "en" else source], "mixed", "wmt22-general", "test", "not stated")


def read_laser_tatoeba(root: Path) -> Items:
    """Tatoeba sentences of LASER (Artetxe and Schwenk 2019); the Chinese is Simplified and Traditional, told apart by its characters."""
    for code, language in LASER.items():
        stem = root / f"data/tatoeba/v1/tatoeba.{code}-eng"
        for item in read_aligned([stem.with_name(f"{stem.name}.{tag}") for tag in ("eng", code)], "laser-tatoeba"):
            if isinstance(item, Fault):
                yield item
            else:
                culture = "zh-TW" if language == "zh" and _traditional(item[1][1]) else CULTURES[language]
                yield Pair(*item[1], "en", language, culture, "sentences", "laser-tatoeba", "test", "CC BY 2.0 FR")


def read_ntrex(root: Path) -> Items:
    """NTREX-128 (Federmann et al. 2022): the English of newstest2019 with its documents in order, translated by people."""
    documents: dict[int, tuple[str, int]] = {}
    sizes: dict[str, int] = {}
    for item in read_lines(root / "DOCUMENT_IDS.tsv", "ntrex"):
        if isinstance(item, Fault):
            yield item
        elif item[1].strip():
            name = item[1].strip()
            documents[item[0]] = name, sizes.get(name, 0)
            sizes[name] = sizes.get(name, 0) + 1
    base = root / "NTREX-128"
    for code, culture in NTREX.items():
        for row in read_aligned([base / "newstest2019-src.eng.txt", base / f"newstest2019-ref.{code}.txt"], "ntrex"):
            if isinstance(row, Fault):
                yield row
            else:
                yield Pair(*row[1], "en", culture.split("-")[0], culture, "news", "ntrex", "test", "CC BY-SA 4.0",
                           *documents.get(row[0], ("", 0)))


def _traditional(text: str) -> bool:
    """Does a Chinese text hold characters that the Traditional character set has and the Simplified one lacks, and none the other way?"""
    return _encodable(text, "big5") and not _encodable(text, "gb2312")


def _encodable(text: str, encoding: str) -> bool:
    han = "".join(character for character in text if "\u4e00" <= character <= "\u9fff")
    return han.encode(encoding, "ignore").decode(encoding) == han
