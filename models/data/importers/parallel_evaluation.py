"""Importers of parallel text to measure on: wmt22-general, laser-tatoeba, ntrex; all of it is test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from models.data.importers.parallel import Items, read_two
from models.data.importers.reading import read_lines
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
        sources = root / f"txt/sources/{name}.src.{source}"
        yield from read_two(sources, references[0], source, target, "mixed", "wmt22-general", "test", "not stated")


def read_laser_tatoeba(root: Path) -> Items:
    """Tatoeba sentences of LASER (Artetxe and Schwenk 2019); the Chinese is Simplified and Traditional, told apart by its characters."""
    for code, language in LASER.items():
        paths = [root / f"data/tatoeba/v1/tatoeba.{code}-eng.{tag}" for tag in ("eng", code)]
        for item in read_two(paths[0], paths[1], "en", language, "sentences", "laser-tatoeba", "test", "CC BY 2.0 FR"):
            traditional = isinstance(item, Pair) and language == "zh" and _traditional(item.target)
            yield replace(item, culture="zh-TW") if isinstance(item, Pair) and traditional else item


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
        paths = base / "newstest2019-src.eng.txt", base / f"newstest2019-ref.{code}.txt"
        yield from read_two(*paths, "en", culture.split("-")[0], "news", "ntrex", "test", "CC BY-SA 4.0", culture=culture, places=documents)


def _traditional(text: str) -> bool:
    """Does a Chinese text hold characters that the Traditional character set has and the Simplified one lacks, and none the other way?"""
    return _encodable(text, "big5") and not _encodable(text, "gb2312")


def _encodable(text: str, encoding: str) -> bool:
    han = "".join(character for character in text if "\u4e00" <= character <= "\u9fff")
    return han.encode(encoding, "ignore").decode(encoding) == han
