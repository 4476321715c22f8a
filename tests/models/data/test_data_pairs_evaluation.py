"""Importers of translation test sets on tiny folders in the published formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from models.data.importers import PAIR_IMPORTERS
from models.data.pairs import Pair
from models.data.schema import Fault
from models.errors import CorpusError

Write = Callable[[dict[str, str | bytes]], Path]


def wmt22_files() -> dict[str, str | bytes]:
    """One line a direction; Czech has references B and C only."""
    files: dict[str, str | bytes] = {}
    for source, target in (("en", "zh"), ("zh", "en"), ("en", "de"), ("de", "en"), ("en", "cs"), ("cs", "en")):
        name = f"generaltest2022.{source}-{target}"
        files[f"txt/sources/{name}.src.{source}"] = f"{source} tea\n"
        for letter in "BC" if "cs" in (source, target) else "AB":
            files[f"txt/references/{name}.ref.{letter}.{target}"] = f"{target} tea {letter}\n"
    return files


def test_wmt22_takes_the_first_reference_in_both_directions(write_tree: Write) -> None:
    root = write_tree(wmt22_files())
    pairs = list(PAIR_IMPORTERS["wmt22-general"](root))
    assert [(p.source, p.target, p.source_language, p.target_language, p.culture) for p in pairs if isinstance(p, Pair)] == [
        ("en tea", "zh tea A", "en", "zh", "zh-CN"), ("zh tea", "en tea A", "zh", "en", "zh-CN"), ("en tea", "de tea A", "en", "de", "de-DE"),
        ("de tea", "en tea A", "de", "en", "de-DE"), ("en tea", "cs tea B", "en", "cs", "cs-CZ"), ("cs tea", "en tea B", "cs", "en", "cs-CZ")]
    assert {(p.split, p.domain) for p in pairs if isinstance(p, Pair)} == {("test", "mixed")}
    for path in (root / "txt/references").glob("*de-en*"):
        path.unlink()
    with pytest.raises(CorpusError, match=r"holds no generaltest2022.de-en.ref.A.en; fetch the corpus again"):
        list(PAIR_IMPORTERS["wmt22-general"](root))


def test_laser_tells_traditional_from_simplified(write_tree: Write) -> None:
    chinese = ["茶涼了,對嗎?", "茶凉了,对吗?", "茶。", "简體"]  # the last one is both
    files: dict[str, str | bytes] = {"data/tatoeba/v1/tatoeba.cmn-eng.eng": "a\nb\nc\nd\n", "data/tatoeba/v1/tatoeba.cmn-eng.cmn": "\n".join(chinese) + "\n"}
    for code, text in (("deu", "Tee"), ("fra", "Thé"), ("ces", "Čaj")):
        files |= {f"data/tatoeba/v1/tatoeba.{code}-eng.eng": "Tea\n", f"data/tatoeba/v1/tatoeba.{code}-eng.{code}": f"{text}\n"}
    pairs = [pair for pair in PAIR_IMPORTERS["laser-tatoeba"](write_tree(files)) if isinstance(pair, Pair)]
    assert [(pair.target, pair.target_language, pair.culture) for pair in pairs] == [
        (chinese[0], "zh", "zh-TW"), (chinese[1], "zh", "zh-CN"), (chinese[2], "zh", "zh-CN"), (chinese[3], "zh", "zh-CN"),
        ("Tee", "de", "de-DE"), ("Thé", "fr", "fr-FR"), ("Čaj", "cs", "cs-CZ")]


def test_ntrex_keeps_documents_in_order(write_tree: Write) -> None:
    files: dict[str, str | bytes] = {"DOCUMENT_IDS.tsv": b"a.1\nb\xff\nb.2\na.1\n", "NTREX-128/newstest2019-src.eng.txt": "One.\nTwo.\nThree.\nFour.\n"}
    for code in ("zho-CN", "zho-TW", "deu", "fra", "ind"):
        files[f"NTREX-128/newstest2019-ref.{code}.txt"] = "".join(f"{code} {n}\n" for n in range(4 if code != "ind" else 3))
    items = list(PAIR_IMPORTERS["ntrex"](write_tree(files)))
    pairs = [item for item in items if isinstance(item, Pair)]
    assert [(pair.source, pair.target, pair.document, pair.position) for pair in pairs[:4]] == [
        ("One.", "zho-CN 0", "a.1", 0), ("Two.", "zho-CN 1", "", 0), ("Three.", "zho-CN 2", "b.2", 0), ("Four.", "zho-CN 3", "a.1", 1)]
    assert [(pair.target_language, pair.culture) for pair in pairs[::4]] == [
        ("zh", "zh-CN"), ("zh", "zh-TW"), ("de", "de-DE"), ("fr", "fr-FR"), ("id", "id-ID")]
    assert [(item.file, item.line) for item in items if isinstance(item, Fault)] == [("DOCUMENT_IDS.tsv", 2), ("newstest2019-src.eng.txt", 4)]
