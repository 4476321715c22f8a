"""Games whose Shapley values are known, the axioms, and second sources for the estimate."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from benchmarks.shap_masker import TokenMasker
from models.classifier import Classifier
from models.errors import Cancelled, InputError, ModelError
from tests.conftest import TEXTS, uncounted
from xai.masking import MaskedOutput
from xai.shapley import Game, estimate_shapley, exact_shapley, explain_shapley, spread_coalitions


def unanimity(players: int, seed: int, *, largest: int = 5) -> tuple[Game, np.ndarray]:
    """A weighted sum of games won by one set each, and its values: every weight is shared by its set."""
    random = np.random.default_rng(seed)
    sets = [random.choice(players, random.integers(1, largest + 1), replace=False) for _ in range(20)]
    weights = random.normal(size=len(sets))
    known = np.zeros(players)
    for members, weight in zip(sets, weights, strict=True):
        known[members] += weight / len(members)
    return lambda masks: sum(weight * masks[:, members].all(1) for members, weight in zip(sets, weights, strict=True)), known


def airport(costs: np.ndarray) -> tuple[Game, np.ndarray]:
    """The longest runway needed, and its values: each stretch is shared by those that need it (Littlechild & Owen 1973)."""
    order = np.argsort(costs)
    known = np.zeros(len(costs))
    known[order] = np.cumsum(np.diff(costs[order], prepend=0.0) / np.arange(len(costs), 0, -1))
    return lambda masks: (masks * costs).max(1), known


def glove(masks: np.ndarray) -> np.ndarray:
    """One left glove against two right ones: a pair is worth 1."""
    return (masks[:, 0] & masks[:, 1:].any(1)).astype(float)


def error(found: np.ndarray, known: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - known) ** 2) / np.mean(known**2)))


def test_games_with_known_values() -> None:
    assert exact_shapley(glove, 3) == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    assert exact_shapley(lambda masks: (masks.sum(1) > 2).astype(float), 5) == pytest.approx([1 / 5] * 5)
    # Four of the votes 3, 1, 1, 1 win: the large player decides unless it comes first, a small one only right after it in second place.
    assert exact_shapley(lambda masks: (masks @ [3, 1, 1, 1] >= 4).astype(float), 4) == pytest.approx([3 / 4, 1 / 12, 1 / 12, 1 / 12])
    weights = np.array([3.0, -1.0, 0.5, 0.0])
    assert exact_shapley(lambda masks: masks @ weights + 7, 4) == pytest.approx(weights)
    for game, known in (unanimity(9, 0), airport(np.array([1.0, 4.0, 2.0, 9.0, 4.0, 7.0, 3.0]))):
        assert exact_shapley(game, len(known)) == pytest.approx(known)


def test_one_player_has_it_all() -> None:
    estimate = estimate_shapley(lambda masks: 2.0 + 3.0 * masks[:, 0], 1, budget=4)
    assert estimate.values == pytest.approx([3.0])
    assert estimate.evaluations == 2


def test_exact_values_equal_all_orders_of_five_players() -> None:
    table = np.random.default_rng(1).normal(size=(32, 2))

    def game(masks: np.ndarray) -> np.ndarray:
        return table[masks @ (1 << np.arange(5))]

    known = np.zeros((5, 2))
    for order in itertools.permutations(range(5)):
        present = np.zeros((1, 5), bool)
        for player in order:
            before = game(present)[0]
            present[0, player] = True
            known[player] += (game(present)[0] - before) / math.factorial(5)
    assert exact_shapley(game, 5) == pytest.approx(known)
    assert estimate_shapley(game, 5, budget=32).values == pytest.approx(known)


def test_exact_values_equal_shap(tiny_bert: Classifier, shap_is_compiled: None) -> None:
    text = "Gar nicht mal so übel war der Film"
    output = MaskedOutput(tiny_bert, text, "positive")
    words = np.array(output.tokenized.word_ids)
    players = int(words[-1]) + 1

    bits = 1 << np.arange(players)
    table = output((np.arange(2**players)[:, None] & bits > 0)[:, words])  # once, so that both see the same rounding of the model

    def game(masks: np.ndarray) -> np.ndarray:
        return table[masks @ bits]

    masker: Any = TokenMasker(None, players)
    with uncounted():
        from shap import ExactExplainer

        theirs = ExactExplainer(game, masker)(np.arange(players)[None, :], silent=True).values[0]
    assert exact_shapley(game, players) == pytest.approx(theirs, abs=1e-12)
    whole = explain_shapley(tiny_bert, text, "positive", budget=2**players)
    assert whole.evaluations == 2**players
    assert whole.words().scores == pytest.approx(theirs, abs=2e-3 * np.abs(theirs).max())


def test_axioms_of_exact_values() -> None:
    """Efficiency, symmetry, dummy and linearity on random tables of six players."""
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 64))
    bits = 1 << np.arange(6)

    def by(table: np.ndarray) -> np.ndarray:
        return exact_shapley(lambda masks: table[masks @ bits], 6)

    assert by(first).sum() == pytest.approx(first[-1] - first[0])
    assert by(2 * first - second) == pytest.approx(2 * by(first) - by(second))
    idle = exact_shapley(lambda masks: first[(masks * [1, 1, 1, 0, 1, 1]).astype(int) @ bits], 6)
    assert idle[3] == pytest.approx(0)
    alike = exact_shapley(lambda masks: first[np.sort(masks[:, :2], axis=1) @ bits[:2] + masks[:, 2:] @ bits[2:]], 6)
    assert alike[0] == pytest.approx(alike[1])


@pytest.mark.parametrize("budget", [4, 5, 16, 33, 100, 511])
@pytest.mark.parametrize("players", [2, 5, 8, 9, 12])
def test_budget_and_efficiency_hold(players: int, budget: int) -> None:
    asked = []
    game, _ = unanimity(players, 3, largest=min(players, 5))

    def told(masks: np.ndarray) -> np.ndarray:
        asked.append(masks)
        return game(masks)

    estimate = estimate_shapley(told, players, budget=budget, seed=5)
    masks = np.vstack(asked)
    assert len(masks) == len(np.unique(masks, axis=0)) == estimate.evaluations
    assert min(budget, 2**players) - 1 <= estimate.evaluations <= budget
    assert estimate.values.sum() == pytest.approx(float(np.diff(game(np.array([[False] * players, [True] * players])))[0]))


def test_budget_of_one_pair_less_than_all_is_nearly_exact() -> None:
    game, known = unanimity(9, 4)
    estimate = estimate_shapley(game, 9, budget=2**9 - 2)
    assert estimate.evaluations == 2**9 - 2
    assert 0 < np.abs(estimate.values - known).max() < 0.01


def test_pairs_of_players_are_exact() -> None:
    """Complements cancel what two players do together, so only three and more leave an error."""
    game, known = unanimity(12, 5, largest=2)
    assert estimate_shapley(game, 12, budget=40).values == pytest.approx(known)
    game, known = unanimity(12, 5, largest=3)
    assert np.abs(estimate_shapley(game, 12, budget=40).values - known).max() > 1e-3


def test_estimates_are_linear_in_the_game_and_take_several_outputs() -> None:
    (first, _), (second, _) = unanimity(11, 6), airport(np.arange(1.0, 12.0))
    one, other = (estimate_shapley(game, 11, budget=90, seed=1) for game in (first, second))
    mixed = estimate_shapley(lambda masks: 2 * first(masks) - second(masks), 11, budget=90, seed=1)
    assert mixed.values == pytest.approx(2 * one.values - other.values)
    both = estimate_shapley(lambda masks: np.column_stack([first(masks), second(masks)]), 11, budget=90, seed=1)
    assert both.values == pytest.approx(np.column_stack([one.values, other.values]))
    assert both.standard_errors == pytest.approx(np.column_stack([one.standard_errors, other.standard_errors]))


def test_estimates_converge() -> None:
    games = [unanimity(12, seed) for seed in range(8)]
    errors = [np.mean([error(estimate_shapley(game, 12, budget=budget).values, known) for game, known in games]) for budget in (64, 256, 1024)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[2] < 0.02


def random_coalitions(players: int, pairs: int, seed: int) -> np.ndarray:
    """As many coalitions of the same sizes, drawn at random without repetition."""
    random = np.random.default_rng(seed)
    drawn: dict[tuple[bool, ...], None] = {}
    sizes = spread_coalitions(players, pairs, seed).sum(1)
    for size in sizes:
        while len(drawn) < np.searchsorted(sizes, size, side="right"):
            mask = random.permutation(players) < size
            drawn[tuple((~mask if 2 * size == players and not mask[0] else mask).tolist())] = None
    return np.array(list(drawn))


def test_spread_coalitions_beat_random_ones_of_the_same_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    games = [unanimity(11, seed) for seed in range(10)]
    spread = np.mean([error(estimate_shapley(game, 11, budget=256).values, known) for game, known in games])
    monkeypatch.setattr("xai.shapley.spread_coalitions", random_coalitions)
    drawn = np.mean([error(estimate_shapley(game, 11, budget=256).values, known) for game, known in games])
    assert spread < 0.7 * drawn


@pytest.mark.parametrize("players", [7, 8])
def test_estimate_equals_least_squares_under_the_constraint(players: int) -> None:
    """The same coalitions and complements by the normal equations with a multiplier; all coalitions of a size share its KernelSHAP weight."""
    game, _ = unanimity(players, 10)
    half = spread_coalitions(players, 40, 3)
    masks = np.vstack([half, ~half]).astype(float)
    sizes = masks.sum(1).astype(int)
    weights = 1 / (sizes * (players - sizes)) / np.bincount(sizes)[sizes]
    ends = game(np.array([[False] * players, [True] * players]))
    left = np.block([[2 * masks.T @ (masks * weights[:, None]), np.ones((players, 1))], [np.ones((1, players)), np.zeros((1, 1))]])
    right = np.append(2 * masks.T @ (weights * (game(masks > 0) - ends[0])), ends[1] - ends[0])
    known = np.linalg.solve(left, right)[:players]
    assert estimate_shapley(game, players, budget=82, seed=3).values == pytest.approx(known, abs=1e-10)


@pytest.mark.parametrize("budget", [128, 512])
def test_standard_errors_are_those_of_random_coalitions(monkeypatch: pytest.MonkeyPatch, budget: int) -> None:
    monkeypatch.setattr("xai.shapley.spread_coalitions", random_coalitions)
    found = [(estimate_shapley(game, 12, budget=budget, seed=seed), known) for seed in range(150) for game, known in [unanimity(12, seed)]]
    true = np.sqrt(np.mean([(estimate.values - known) ** 2 for estimate, known in found]))
    told = np.sqrt(np.mean([estimate.standard_errors**2 for estimate, _ in found]))
    assert true == pytest.approx(told, rel=0.08)


def test_estimates_are_seeded() -> None:
    game, _ = unanimity(12, 7)
    first, again, other = (estimate_shapley(game, 12, budget=64, seed=seed).values for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_bias_is_small_beside_the_error() -> None:
    """A regression is not free of bias; over many seeds what stays is a small part of one estimate's error, chance alone leaves 0.07."""
    game, known = unanimity(9, 8)
    found = np.array([estimate_shapley(game, 9, budget=64, seed=seed).values for seed in range(200)])
    rms_error = np.sqrt(np.mean((found - known) ** 2))
    assert np.sqrt(np.mean((found.mean(0) - known) ** 2)) < 0.15 * rms_error


def test_standard_errors_are_an_upper_guide() -> None:
    games = [unanimity(12, seed) for seed in range(10)]
    for budget in (128, 512):
        found = [(estimate_shapley(game, 12, budget=budget), known) for game, known in games]
        true = np.sqrt(np.mean([(estimate.values - known) ** 2 for estimate, known in found]))
        told = np.sqrt(np.mean([estimate.standard_errors**2 for estimate, _ in found]))
        assert 0.1 * told < true < told
    assert np.isnan(estimate_shapley(games[0][0], 12, budget=20).standard_errors).all()
    assert not estimate_shapley(games[0][0], 12, budget=2**12).standard_errors.any()


def test_many_players() -> None:
    game, known = unanimity(60, 9)
    estimate = estimate_shapley(game, 60, budget=500)
    assert estimate.evaluations == 500
    assert error(estimate.values, known) < 0.5


@pytest.mark.parametrize(("players", "pairs", "counts"), [(7, 30, [7, 12, 11]), (8, 60, [8, 21, 21, 10]), (6, 31, [6, 15, 10]), (2, 1, [1])])
def test_sizes_get_equal_shares(players: int, pairs: int, counts: list[int]) -> None:
    """By hand: sizes 1 and n - 1 are taken whole, the others equally; the middle of an even number counts half."""
    half = spread_coalitions(players, pairs, 0)
    assert np.bincount(half.sum(1))[1:].tolist() == counts
    both = np.vstack([half, ~half])
    assert len(np.unique(both, axis=0)) == len(both)


@pytest.mark.parametrize("text", [*TEXTS, "好"])
def test_words_of_a_text(tiny_classifier: Classifier, text: str) -> None:
    result = explain_shapley(tiny_classifier, text, "negative", budget=40)
    assert result.scores.sum() == pytest.approx(result.value - result.base_value, abs=1e-12)
    assert result.words().scores.sum() == pytest.approx(result.scores.sum(), abs=1e-12)
    assert result.evaluations <= 40
    for word in set(result.word_ids):
        assert len({round(float(score), 12) for score, number in zip(result.scores, result.word_ids, strict=True) if number == word}) == 1


def test_progress_can_cancel(tiny_bert: Classifier) -> None:
    def stop(done: int, total: int) -> None:
        assert 0 <= done <= total
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        explain_shapley(tiny_bert, TEXTS[0], progress=stop)


def test_bad_input_gets_one_sentence(tiny_bert: Classifier) -> None:
    with pytest.raises(InputError, match="17 players came, expected 1 to 16"):
        exact_shapley(glove, 17)
    with pytest.raises(InputError, match="0 players came, expected at least 1"):
        estimate_shapley(glove, 0)
    with pytest.raises(InputError, match="budget is 3, expected at least 4"):
        explain_shapley(tiny_bert, "ok", budget=3)
    with pytest.raises(ModelError, match="not numbers"):
        estimate_shapley(lambda masks: np.where(masks.all(1), np.nan, 1.0), 3)
