"""Neighbours against brute force, and chance against scipy's own test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import fisher_exact

from audit.neighbours import find_neighbours
from models.errors import InputError


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)


def test_they_are_the_nearest_by_cosine(points: np.ndarray) -> None:
    distances = cdist(points, points, "cosine")
    for own in range(0, 60, 7):
        found = find_neighbours(points, 3 * points[own], {}, own=own)
        expected = [place for place in np.argsort(distances[own]) if place != own][:10]
        assert found.places.tolist() == expected
        assert found.distances == pytest.approx(distances[own][expected], abs=1e-6)
    typed = find_neighbours(points, points[4], {}, count=1)
    assert typed.places.tolist() == [4] and typed.distances == pytest.approx([0], abs=1e-6)


def test_a_row_of_the_same_text_is_a_neighbour_and_the_row_itself_is_none(points: np.ndarray) -> None:
    doubled = np.concatenate([points, points[:1]])
    assert find_neighbours(doubled, points[0], {}, own=0).places[0] == 60
    assert find_neighbours(doubled, points[0], {}, own=60).places[0] == 0
    assert find_neighbours(points[:4], points[0], {}, own=0).places.tolist() != [] and len(find_neighbours(points[:4], points[0], {}, own=0).places) == 3


def test_traits_stand_beside_chance(points: np.ndarray) -> None:
    held = np.arange(60) % 3 == 0
    found = find_neighbours(points, points[6], {"label": held, "never": np.zeros(60, dtype=bool)}, own=6)
    trait, near = found.traits["label"], int(held[found.places].sum())
    others = np.delete(held, 6)
    assert (trait.found, trait.share, trait.chance) == (near, 10 * near, pytest.approx(100 * others.mean()))
    table = [[near, 10 - near], [others.sum() - near, 49 - (others.sum() - near)]]
    assert trait.p_value == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    assert (found.traits["never"].share, found.traits["never"].p_value) == (0, 1)


def test_without_another_row_there_is_one_sentence(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="There are 0 other rows"):
        find_neighbours(points[:1], points[0], {}, own=0)
    with pytest.raises(InputError, match=r"60 other rows of \(8,\) features and a text of \(3,\)"):
        find_neighbours(points, points[0, :3], {})
