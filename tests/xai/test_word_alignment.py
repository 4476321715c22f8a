from __future__ import annotations

import numpy as np
import pytest

from models.errors import InputError
from xai.word_alignment import align, alignment_error_rate, best_layer, diagonal_baseline, error_rate_of, onto_words


def test_error_rate_by_hand() -> None:
    """Three links, of which two are sure and one is possible; four sure links in all: 1 - (2 + 3) / (3 + 4)."""
    sure, possible = {(0, 0), (1, 1), (2, 3), (3, 2)}, {(1, 2)}
    assert alignment_error_rate([(0, 0), (1, 1), (1, 2)], sure, possible) == pytest.approx(1 - 5 / 7)
    # a wrong link costs, a missing possible one does not
    assert alignment_error_rate([(0, 0), (1, 1), (1, 2), (4, 4)], sure, possible) == pytest.approx(1 - 5 / 8)
    assert alignment_error_rate(sure, sure, possible) == 0
    assert alignment_error_rate(sure | possible, sure, possible) == 0
    assert alignment_error_rate([(9, 9)], sure, possible) == 1
    assert alignment_error_rate([], sure, possible) == 1
    assert alignment_error_rate([], [], []) == 0


def test_sure_links_are_possible_ones_whether_listed_or_not() -> None:
    assert alignment_error_rate([(0, 0)], {(0, 0)}, {(0, 0)}) == alignment_error_rate([(0, 0)], {(0, 0)}, set()) == 0


def test_error_rate_of_a_corpus_adds_counts() -> None:
    good, bad = ([(0, 0), (1, 1), (2, 2)], {(0, 0), (1, 1), (2, 2)}, set()), ([(0, 1)], {(0, 0)}, set())
    assert error_rate_of([good, bad]) == pytest.approx(1 - 6 / 8)
    assert error_rate_of([good]) == 0
    assert error_rate_of([bad]) == 1


def test_mutual_bests_are_linked() -> None:
    assert align(np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8], [0.1, 0.7, 0.2]])) == [(0, 0), (1, 2), (2, 1)]


def test_links_grow_to_neighbours_that_are_free() -> None:
    # two target tokens of one source token: the second has no mutual best and touches the link of the first
    assert align(np.array([[0.9, 0.1], [0.8, 0.2]])) == [(0, 0), (0, 1), (1, 1)]
    # far from every link, a best of one side only stays out
    far = np.zeros((4, 4))
    far[0, 0], far[3, 0] = 0.9, 0.8
    assert align(far) == [(0, 0)]


def test_what_nothing_speaks_for_has_no_link() -> None:
    assert align(np.array([[-0.5, -0.1], [0.3, -0.2]])) == [(0, 1)]
    assert align(np.zeros((2, 3))) == []
    assert align(np.zeros((0, 3))) == align(np.zeros((2, 0))) == []


def test_the_best_layer_is_the_one_whose_directions_agree() -> None:
    sharp, flat = np.eye(3), np.full((3, 3), 1 / 3)
    assert best_layer(np.stack([flat, sharp, flat])[:, None]) == 1
    assert best_layer(np.stack([sharp, flat])[:, None], np.stack([sharp, flat])[:, None]) == 0
    assert best_layer(np.stack([sharp, sharp])[:, None]) == 1
    blurred, torn = 0.3 + 0.1 * np.eye(3), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    assert best_layer(np.stack([blurred, torn])[:, None]) == 1  # by count all of the first and two in three of the second agree
    assert best_layer(np.stack([blurred, torn[[0, 2, 2]]])[:, None], np.stack([blurred, np.full((3, 3), 0.01) + 0.97 * np.eye(3)])[:, None]) == 1
    with pytest.raises(InputError, match="at least one sentence"):
        best_layer()


def test_diagonal() -> None:
    assert diagonal_baseline(3, 3) == [(0, 0), (1, 1), (2, 2)]
    assert diagonal_baseline(4, 2) == [(1, 0), (3, 1)]
    assert diagonal_baseline(1, 3) == [(0, 0), (0, 1), (0, 2)]
    assert diagonal_baseline(2, 4) == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert diagonal_baseline(0, 2) == diagonal_baseline(2, 0) == []


def test_tokens_become_words_by_their_characters() -> None:
    matrix = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    # source tokens "ab", "c", "de" are the words "abc" and "de"; target tokens "x", "yz" are the words "xy" and "z"
    found = onto_words(matrix, source_offsets=[(0, 2), (2, 3), (4, 6)], target_offsets=[(0, 1), (1, 3)],
                       source_words=[(0, 3), (4, 6)], target_words=[(0, 2), (2, 3)])
    first = (np.array([0.8, 0.2]) + 0.5 * np.array([0.2, 0.8])) / 1.5
    assert found == pytest.approx(np.array([first, [0.2, 0.8]]))
    halves = onto_words(np.array([[1.0]]), source_offsets=[(0, 2)], target_offsets=[(0, 1)], source_words=[(0, 1), (1, 2)], target_words=[(0, 1)])
    assert halves.tolist() == [[0.5, 0.5]]
    nothing = onto_words(np.array([[1.0]]), source_offsets=[(0, 1)], target_offsets=[(0, 1)], source_words=[(0, 1), (5, 6)], target_words=[(0, 1), (3, 4)])
    assert nothing.tolist() == [[1.0, 0.0], [0.0, 0.0]]
