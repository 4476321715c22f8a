"""The importers against the corpora themselves: rows and label histograms as counted in the README beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.data.corpus import corpora_root
from models.data.importers import IMPORTERS
from models.data.schema import LABELS, Example, Fault
from models.errors import CorpusError

# data set -> rows by published label: negative, neutral, positive, no label of these three
HISTOGRAMS = {
    "umsab": (5_768 - 302, 5_768 - 302, 5_768 - 302, 906),  # Hindi labels that slipped against their texts
    "nusax": (2_760, 1_716, 2_724, 0),
    "afrisenti": (24_559, 27_659, 25_193, 0),
    "indonlu": (3_830 + 991 + 897 + 584, 1_279, 7_151 + 916 + 573, 0),
    "chinese-nlp-corpus": (41_477, 0, 41_050, 0),
    "bmeld": (2 * 3_337, 2 * 5_169, 2 * 2_565, 0),  # English and Chinese
    "uit-vsfc": (6_030, 531, 6_448, 0),
    "wisesight-th": (6_128, 13_086, 4_300, 518),
    "nsmc": (5_000, 0, 5_000, 0),
    "mms-asia": (4_207, 2_867, 4_618, 0),
    "mahasent-md": (13_500, 13_500, 13_500, 0),
    "mesent-codemix": (3_583, 3_584, 3_583, 0),
    "husst": (3_641, 3_099, 3_753, 0),
    "norec-sentence": (1_481, 4_789, 3_114, 0),
    "hebrew-sentiment": (3_132, 0, 6_814, 298),
    "turkish-store-reviews": (4_237, 2_938, 4_253, 0),
    "kazsandra": (26_946, 0, 37_752, 0),
    "laroseda-ro": (4_459 + 1_541, 0, 4_982 + 1_018, 0),
    "deepsentipers": (513 + 28, 2_409, 1_623 + 988, 0),
    "blp23-bangla": (1_753, 793, 1_388, 0),
    "swe-sentiment": (337, 518, 1_513, 0),
    "uzbek-app-reviews": (1_634, 0, 3_042, 0),
    "structured-sentiment": (1_137, 0, 3_498, 1_008 + 550),
}
# data set -> rows of the published splits
SPLITS = {
    "umsab": {"train": 14_712, "validation": 2_592}, "nusax": {"train": 6_000, "validation": 1_200},
    "afrisenti": {"train": 63_685, "validation": 13_726}, "indonlu": {"train": 14_521, "validation": 1_700},
    "bmeld": {"train": 2 * 9_987, "validation": 2 * 1_084}, "uit-vsfc": {"train": 11_426, "validation": 1_583},
    "wisesight-th": {"train": 21_628, "validation": 2_404}, "mms-asia": {"train": 4_687, "validation": 7_005},
    "mahasent-md": {"train": 36_000, "validation": 4_500}, "mesent-codemix": {"train": 9_500, "validation": 1_250},
    "husst": {"train": 9_328, "validation": 1_165},
    "norec-sentence": {"train": 7_973, "validation": 1_411}, "kazsandra": {"train": 47_902, "validation": 16_796},
    "structured-sentiment": {"train": 5_419, "validation": 774},
}
FAULTS = {"turkish-store-reviews": 4}  # rows with U+FFFD


def published(name: str) -> Path:
    try:
        root = corpora_root() / name
    except CorpusError as error:
        pytest.skip(str(error))
    if not root.is_dir():
        pytest.skip(f"the corpus {name} is not in {root.parent}")
    return root


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_rows_labels_and_splits_are_those_of_the_readme(name: str) -> None:
    items = list(IMPORTERS[name](published(name)))
    examples = [item for item in items if isinstance(item, Example)]
    labels = Counter(example.label for example in examples)
    assert tuple(labels[label] for label in (*LABELS, "")) == HISTOGRAMS[name]
    splits = dict(Counter(example.split for example in examples))
    if name in SPLITS:
        assert splits == SPLITS[name]
    else:  # a tenth by hash
        assert splits["validation"] / len(examples) == pytest.approx(0.1, abs=0.015)
    assert sum(isinstance(item, Fault) for item in items) == FAULTS.get(name, 0)


def test_slipped_labels_are_those_of_the_first_hindi_training_lines() -> None:
    examples = [item for item in IMPORTERS["umsab"](published("umsab")) if isinstance(item, Example)]
    hindi = [example.label for example in examples if (example.language, example.split) == ("hi", "train")]
    assert set(hindi[:906]) == {""}
    assert "" not in hindi[906:] + [example.label for example in examples if (example.language, example.split) != ("hi", "train")]


def test_goemotions_and_brighter_have_their_rows() -> None:
    goemotions = Counter(item.split for item in IMPORTERS["goemotions"](published("goemotions")) if isinstance(item, Example))
    assert goemotions == {"train": 43_410, "validation": 5_426}
    brighter = [item for item in IMPORTERS["brighter"](published("brighter")) if isinstance(item, Example)]
    assert Counter(item.split for item in brighter) == {"train": 65_094, "validation": 8_505}
    assert len({item.culture for item in brighter}) == 28


def test_xed_counts_every_line_as_row_or_fault() -> None:
    items = list(IMPORTERS["xed"](published("xed")))
    examples = [item for item in items if isinstance(item, Example)]
    assert sum(example.label == "neutral" for example in examples) == 20_469
    # 2,730 lines of the projections are half a row: a stray quote joined raw subtitle lines to it
    assert all(item.file.endswith(".tsv") for item in items if isinstance(item, Fault))
    assert len(items) - len(examples) == 2_730


def test_msctd_has_its_utterances_in_dialogues() -> None:
    examples = [item for item in IMPORTERS["msctd"](published("msctd")) if isinstance(item, Example)]
    counts = Counter((example.language, example.split) for example in examples)
    assert counts == {("zh", "train"): 70_148 + 62_593, ("en", "train"): 70_148 + 62_593 + 20_240, ("de", "train"): 20_240,
                      ("zh", "validation"): 5_063, ("en", "validation"): 5_063, ("de", "validation"): 5_063}
    documents: dict[str, list[int]] = {}
    for example in examples:
        if example.document:
            documents.setdefault(example.document, []).append(example.position)
    assert all(places == list(range(len(places))) for places in documents.values())
    assert sum(name.startswith("ende-train") for name in documents) == 2 * 2_066
    assert {example.document for example in examples if example.split == "train" and example.language == "zh"} == {""}
