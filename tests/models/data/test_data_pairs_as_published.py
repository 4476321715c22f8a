"""The importers of pairs against the corpora themselves: rows as counted in the README beside them, and nothing left unread."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.data.corpus import corpora_root
from models.data.duplicates import fingerprint
from models.data.importers import PAIR_IMPORTERS
from models.data.pairs import Pair
from models.data.schema import Fault
from models.errors import CorpusError

EVERY = ("ace", "ban", "bbc", "bjn", "bug", "id", "jv", "mad", "min", "nij", "su")
# data set -> pairs by target language (source language where that is not English) and split; without a split: of all
ROWS = {
    "tatoeba-cmn": {"zh": 29_155},
    "msctd": {"zh train": 70_148 + 62_593, "zh validation": 5_063, "de train": 20_240, "de validation": 5_063},
    "bmeld": {"zh train": 9_987, "zh validation": 1_084},
    "3am": {"zh train": 23_931, "zh validation": 1_000},
    "ai-challenger-en-zh": {"zh": 8_000},
    "alma-human": {"zh train": 13_409, "de train": 35_702 - 13_409 - 10_079, "cs train": 10_079, "zh validation": 1_002, "de validation": 1_002,
                   "cs validation": 1_002},
    "multi30k": {f"{language} {split}": rows for language in ("de", "fr", "cs") for split, rows in (("train", 29_000), ("validation", 1_014), ("test", 1_000))},
    "mlqe-pe": {f"{language} {split}": rows for language in ("zh", "de") for split, rows in (("train", 7_000), ("validation", 1_000))},
    "nusax": {f"{language} {split}": rows for language in EVERY for split, rows in (("train", 500), ("validation", 100))},
    "wmt22-general": {"zh test": 2_037 + 1_875, "de test": 2_037 + 1_984, "cs test": 2_037 + 1_448},
    "laser-tatoeba": {f"{language} test": 1_000 for language in ("zh", "de", "fr", "cs")},
    "ntrex": {"zh test": 2 * 1_005, "de test": 1_005, "fr test": 1_005, "id test": 1_005},
}


@pytest.fixture(scope="module")
def pairs_of() -> dict[str, list[Pair]]:
    """Pairs already read in this module."""
    return {}


def published(name: str, read: dict[str, list[Pair]]) -> list[Pair]:
    """Pairs of a corpus, which has no fault; skips where it is not there."""
    if name not in read:
        try:
            root: Path = corpora_root() / name
        except CorpusError as error:
            pytest.skip(str(error))
        if not root.is_dir():
            pytest.skip(f"the corpus {name} is not in {root.parent}")
        items = list(PAIR_IMPORTERS[name](root))
        assert [item for item in items if isinstance(item, Fault)] == []
        read[name] = [item for item in items if isinstance(item, Pair)]
    return read[name]


def other_language(pair: Pair) -> str:
    return pair.target_language if pair.source_language == "en" else pair.source_language


def test_every_importer_is_counted() -> None:
    assert set(ROWS) == set(PAIR_IMPORTERS)


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_those_of_the_readme(name: str, pairs_of: dict[str, list[Pair]]) -> None:
    pairs = published(name, pairs_of)
    splits = Counter(pair.split for pair in pairs)
    if all(" " in key for key in ROWS[name]):
        assert Counter(f"{other_language(pair)} {pair.split}" for pair in pairs) == ROWS[name]
    else:  # a tenth by hash
        assert Counter(other_language(pair) for pair in pairs) == ROWS[name]
        assert splits["validation"] / len(pairs) == pytest.approx(0.1, abs=0.015)
    assert {pair.culture.split("-")[0] for pair in pairs} == {other_language(pair) for pair in pairs}
    assert {pair.dataset for pair in pairs} == {name}


def test_msctd_is_cased_and_joined_and_its_dialogues_are_whole(pairs_of: dict[str, list[Pair]]) -> None:
    pairs = published("msctd", pairs_of)
    halves = [pair for pair in pairs if not pair.document]
    assert len(halves) == 70_148 + 62_593
    assert sum(" ." in pair.source or " ?" in pair.source or " 's" in pair.source for pair in halves) < 0.01 * len(halves)
    begun = [pair.source for pair in halves if pair.source[:1].isalpha()]
    assert sum(text[0].isupper() for text in begun) > 0.99 * len(begun)
    documents: dict[str, list[int]] = {}
    for pair in pairs:
        if pair.document:
            documents.setdefault(pair.document, []).append(pair.position)
    assert all(places == list(range(len(places))) for places in documents.values())
    assert sum(name.startswith("ende-train") for name in documents) == 2_066


def test_post_edits_are_no_machine_translations_and_keep_no_blanks(pairs_of: dict[str, list[Pair]]) -> None:
    pairs = published("mlqe-pe", pairs_of)
    assert sum(" ." in pair.source or " ," in pair.source for pair in pairs) < 0.01 * len(pairs)
    assert sum(" ," in pair.target or " 。" in pair.target for pair in pairs) < 0.01 * len(pairs)


def test_ntrex_documents_are_those_of_the_list(pairs_of: dict[str, list[Pair]]) -> None:
    pairs = published("ntrex", pairs_of)
    assert len({pair.document for pair in pairs}) == 63
    assert "" not in {pair.document for pair in pairs}
    assert Counter(pair.culture for pair in pairs) == {"zh-CN": 1_005, "zh-TW": 1_005, "de-DE": 1_005, "fr-FR": 1_005, "id-ID": 1_005}


def test_laser_holds_both_chinese_scripts_and_tatoeba_one(pairs_of: dict[str, list[Pair]]) -> None:
    laser = Counter(pair.culture for pair in published("laser-tatoeba", pairs_of) if pair.target_language == "zh")
    assert laser == {"zh-CN": 530, "zh-TW": 470}


def test_half_of_laser_chinese_is_tatoeba(pairs_of: dict[str, list[Pair]]) -> None:
    laser = [pair for pair in published("laser-tatoeba", pairs_of) if pair.target_language == "zh"]
    tatoeba = published("tatoeba-cmn", pairs_of)
    english, whole = {fingerprint(pair.source) for pair in tatoeba}, {(pair.source, pair.target) for pair in tatoeba}
    assert sum(fingerprint(pair.source) in english for pair in laser) == 444
    assert sum((pair.source, pair.target) in whole for pair in laser) == 172


def test_newstest2019_is_not_in_alma(pairs_of: dict[str, list[Pair]]) -> None:
    news = {fingerprint(pair.source) for pair in published("ntrex", pairs_of)}
    assert not [pair for pair in published("alma-human", pairs_of) if fingerprint(pair.source) in news]
