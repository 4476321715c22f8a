"""Parallel content: pairs of rows, draws of whole items and McNemar's test, on simulated data and on NusaX."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from audit.gaps import Measured, pair_differences
from audit.measures import brier_cells, confusion_cells
from audit.parallel import align_items, mcnemar, paired_draws
from models.errors import InputError

CLASSES = ("negative", "neutral", "positive")


def widths(measured: Measured) -> np.ndarray:
    return np.array([pair.difference.high - pair.difference.low for pair in pair_differences(measured)])


def test_items_are_found_in_every_group_and_lacking_ones_counted() -> None:
    #                         a: x y z          b: z x, none: y
    found = align_items(np.array([0, 0, 0, 1, 1, -1]), np.array(["x", "y", "z", "z", "x", "y"]), ("a", "b"))
    assert found.items.tolist() == ["x", "z"]
    assert found.rows.tolist() == [[0, 4], [2, 3]]
    assert found.incomplete == 1


def test_an_item_twice_in_a_group_is_one_sentence() -> None:
    with pytest.raises(InputError, match="Rows 2 and 4 are both the item 'x' in de; an item may stand once in a group"):
        align_items(np.array([0, 1, 0, 1]), np.array(["x", "x", "y", "x"]), ("en", "de"))


def test_no_item_in_all_groups_is_one_sentence() -> None:
    with pytest.raises(InputError, match="No item stands in all of en, de"):
        align_items(np.array([0, 1]), np.array(["x", "y"]), ("en", "de"))


@pytest.fixture(scope="module")
def hard_items() -> dict[str, np.ndarray]:
    """600 items in three groups: half of them are hard in all groups; in the third all are a little harder."""
    generator = np.random.default_rng(2)
    hard = np.tile(generator.random(600) < 0.5, 3)
    groups = np.repeat(np.arange(3), 600)
    labels = np.tile(generator.integers(0, 3, 600), 3)
    right = generator.random(1_800) < np.where(hard, 0.1, 0.97) - 0.05 * (groups == 2)
    predictions = np.where(right, labels, (labels + generator.integers(1, 3, 1_800)) % 3)
    return {"groups": groups, "items": np.tile(np.arange(600), 3), "labels": labels, "predictions": predictions}


def test_draws_of_items_are_those_of_rows_drawn_by_hand(hard_items: dict[str, np.ndarray]) -> None:
    cells = confusion_cells(hard_items["groups"], hard_items["labels"], hard_items["predictions"], CLASSES, 3)
    parallel = align_items(hard_items["groups"], hard_items["items"], ("a", "b", "c"))
    drawn = paired_draws(cells, parallel, resamples=600, seed=7)["accuracy"]
    weights = np.random.default_rng(7).multinomial(600, np.full(600, 1 / 600), size=256)
    right = (hard_items["labels"] == hard_items["predictions"])[parallel.rows]
    assert drawn.shape == (600, 3)
    assert drawn[:256] == pytest.approx(100 * weights @ right / 600, abs=1e-4)


def test_paired_intervals_are_narrower_where_items_are_hard_for_all(hard_items: dict[str, np.ndarray]) -> None:
    cells = confusion_cells(hard_items["groups"], hard_items["labels"], hard_items["predictions"], CLASSES, 3)
    parallel = align_items(hard_items["groups"], hard_items["items"], ("a", "b", "c"))
    for name in ("macro_f1", "accuracy"):
        paired, apart = (widths(Measured(("a", "b", "c"), cells.values()[name], draws[name], True, 5))
                         for draws in (paired_draws(cells, parallel), cells.draws()))
        assert (paired < 0.7 * apart).all()


def test_paired_draws_of_what_is_a_mean(hard_items: dict[str, np.ndarray]) -> None:
    probabilities = np.full((1_800, 3), 0.1)
    probabilities[np.arange(1_800), hard_items["predictions"]] = 0.8
    cells = brier_cells(hard_items["groups"], probabilities, hard_items["labels"], 3)
    draws = paired_draws(cells, align_items(hard_items["groups"], hard_items["items"], ("a", "b", "c")))["brier"]
    assert draws.mean(0) == pytest.approx(cells.values()["brier"], abs=0.01)


def test_mcnemar_by_hand() -> None:
    # first right and second wrong in 8 items, the other way round in 2: P(X <= 2 or X >= 8 | 10, 1/2)
    correct = np.array([[1, 0]] * 8 + [[0, 1]] * 2 + [[1, 1]] * 30 + [[0, 0]] * 5, dtype=bool)
    (test,) = mcnemar(correct, ("en", "de"))
    assert (test.only_first, test.only_second) == (8, 2)
    assert test.p_value == test.q_value == pytest.approx(2 * binom.cdf(2, 10, 0.5))
    assert mcnemar(correct[:, [0, 0]], ("en", "de"))[0].p_value == 1


def test_nusax_pairs_are_narrower_than_unpaired() -> None:
    folder = Path(os.environ.get("CULTURELENS_CORPORA", "../shared/corpora")) / "nusax" / "datasets" / "sentiment"
    if not folder.is_dir():
        pytest.skip("the public corpora are not on this machine; set CULTURELENS_CORPORA to their folder")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 12
    train, valid = (pd.concat([pd.read_csv(folder / name / f"{split}.csv", dtype=str, keep_default_na=False).assign(culture=number)
                               for number, name in enumerate(names)], ignore_index=True) for split in ("train", "valid"))
    model = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True), LogisticRegression(max_iter=300))
    model.fit(train["text"], train["label"])
    labels, predictions = (np.searchsorted(CLASSES, values) for values in (valid["label"], model.predict(valid["text"])))
    groups = valid["culture"].to_numpy()
    cells = confusion_cells(groups, labels, predictions, CLASSES, 12)
    parallel = align_items(groups, valid["id"].to_numpy(), names)
    assert parallel.rows.shape == (100, 12)
    for name in ("macro_f1", "accuracy"):
        paired, apart = (widths(Measured(names, cells.values()[name], draws[name], True, 5)) for draws in (paired_draws(cells, parallel), cells.draws()))
        assert paired.mean() < 0.9 * apart.mean()
        assert (paired < apart).mean() > 0.9
