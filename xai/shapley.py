"""Shapley values (Shapley 1953) of any game: exact by all coalitions, and estimated from coalitions that lie far apart.

A game is a function from masks (rows, players), true where a player takes part, to values (rows,) or (rows, outputs).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import comb

from models.classifier import Classifier
from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.masking import MaskedOutput

Game = Callable[[np.ndarray], np.ndarray]
BUDGET = 500
MIN_BUDGET = 4  # the empty and the full coalition, and one pair
MAX_EXACT = 16
CANDIDATES = 2_000  # coalitions of one size among which the far ones are looked for


@dataclass(frozen=True)
class ShapleyEstimate:
    """Shapley values and how far they may be off.

    Attributes:
        values: Shapley value of each player, in the unit of the game (players,) or (players, outputs); they sum to v(all) - v(none).
        standard_errors: What drawing as many coalitions of the same sizes at random would leave, of the same shape. The coalitions
            taken lie further apart and leave less, so from about ten evaluations a player on this is an upper guide; 0 where the values
            are exact, NaN where there are too few coalitions to tell.
        evaluations: Coalitions evaluated, the empty and the full one included.
    """

    values: np.ndarray
    standard_errors: np.ndarray
    evaluations: int

    def __post_init__(self) -> None:
        """Raises ModelError when the values are not finite."""
        if not np.isfinite(self.values).all():
            raise ModelError("The game gives values that are not numbers (NaN or infinite), expected finite ones; check the model.")


def exact_shapley(value: Game, players: int) -> np.ndarray:
    """Shapley values (players,) or (players, outputs) from all 2^players coalitions.

    The marginal contribution to a coalition S weighs |S|! (n - |S| - 1)! / n! (Shapley 1953).

    Raises:
        InputError: There is no player, or more than 16.
    """
    if not 1 <= players <= MAX_EXACT:
        raise InputError(f"{players} players came, expected 1 to {MAX_EXACT} for exact Shapley values; use estimate_shapley for more.")
    numbers = np.arange(2**players)
    masks = (numbers[:, None] >> np.arange(players) & 1).astype(bool)
    values = np.asarray(value(masks), dtype=float)
    weights = np.array([1 / (players * math.comb(players - 1, size)) for size in range(players)])
    sizes = masks.sum(1)
    shapley = []
    for player in range(players):
        without = numbers[~masks[:, player]]
        shapley.append(weights[sizes[without]] @ (values[without | 1 << player] - values[without]))
    return np.array(shapley)


def estimate_shapley(value: Game, players: int, *, budget: int = BUDGET, seed: int = 0) -> ShapleyEstimate:
    """Shapley values from at most `budget` coalitions; exact where that covers all of them (up to 16 players).

    KernelSHAP's regression under the constraint that the values add up (Lundberg & Lee 2017; Covert & Lee 2021), on coalitions paired
    with their complements, without repetition and equally many of each size as leverage scores ask for (Musco & Witter 2025). Within a
    size they are not drawn at random but spread, see `spread_coalitions`. From as many pairs as players on, main effects and interactions
    of two players are exact; what is left comes from interactions of three and more. For a seed the estimate is linear in the game.
    Under three evaluations a player random orders do better; ask for more.

    Args:
        value: The game; called once.
        players: How many there are.
        budget: Most coalitions, the empty and the full one included.
        seed: Of the coalitions taken.

    Raises:
        InputError: There is no player, or the budget is under four.
    """
    if players < 1:
        raise InputError(f"{players} players came, expected at least 1.")
    if budget < MIN_BUDGET:
        raise InputError(f"budget is {budget}, expected at least {MIN_BUDGET} (the default is {BUDGET}).")
    if players <= MAX_EXACT and budget >= 2**players:
        exact = exact_shapley(value, players)
        return ShapleyEstimate(exact, np.zeros_like(exact), 2**players)
    half = spread_coalitions(players, (budget - 2) // 2, seed)
    ends = np.array([np.zeros(players, bool), np.ones(players, bool)])
    values = np.asarray(value(np.vstack([ends, half, ~half])), dtype=float)
    total, gains = values[1] - values[0], values[2 : 2 + len(half)] - values[2 + len(half) :]
    shapley, errors = _regress(half, gains.reshape(len(half), -1), np.atleast_1d(total))
    shape = (players, *total.shape)
    return ShapleyEstimate(shapley.reshape(shape), errors.reshape(shape), 2 + 2 * len(half))


def spread_coalitions(players: int, pairs: int, seed: int) -> np.ndarray:
    """Different coalitions (pairs, players) of at most half the players, to be used together with their complements.

    With x = ±1 for in and out, each next coalition is the candidate of its size with the least sum of (x·y)⁴ over those taken before, the
    p-frame potential for p = 4 (Ehler & Okoudjou 2012). Its excess is the sum of squares of how unevenly each two and each four
    players are divided, and it is those of four through which an interaction of three players is mistaken for the value of a fourth.
    """
    random = np.random.default_rng(seed)
    taken = np.zeros((0, players), bool)
    for size, count in _counts_by_size(players, pairs):
        candidates = _candidates(players, size, count, random)
        signs = np.where(candidates, 1.0, -1.0)
        potential = np.square(np.square(signs @ np.where(taken, 1.0, -1.0).T)).sum(1)
        chosen = []
        for _ in range(min(count, len(candidates))):
            chosen.append(int(potential.argmin()))
            potential += np.square(np.square(signs @ signs[chosen[-1]]))
            potential[chosen[-1]] = np.inf
        taken = np.vstack([taken, candidates[chosen]])
    return taken


def explain_shapley(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress, budget: int = BUDGET
) -> Attribution:
    """Shapley values of the words; sum(scores) = value - base_value for any budget.

    The players are words, and the tokens of a word share its value equally. Exact up to the 8 words that the default budget covers.

    Args:
        budget: Most evaluations, those of the whole and of the empty text included.

    Raises:
        InputError: The budget is under four evaluations.
    """
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    words = np.array(output.tokenized.word_ids)
    output.expected = min(budget, 2 ** int(words[-1] + 1))

    def value(masks: np.ndarray) -> np.ndarray:
        values = np.where(masks.all(1), output.value, output.base_value)
        between = masks.any(1) & ~masks.all(1)
        if between.any():
            values[between] = output(masks[between][:, words])
        return values

    estimate = estimate_shapley(value, int(words[-1] + 1), budget=budget, seed=seed)
    scores = (estimate.values / np.bincount(words))[words]
    known = np.isfinite(estimate.standard_errors).all()
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="shapley", target=output.target, output="probability",
        value=output.value, base_value=output.base_value,
        convergence_delta=float(scores.sum() - (output.value - output.base_value)), evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "budget": budget},
        diagnostics={"largest_standard_error": float(estimate.standard_errors.max())} if known else {},
        truncated_at=output.tokenized.truncated_at,
    )


def _counts_by_size(players: int, pairs: int) -> list[tuple[int, int]]:
    """How many pairs to take of each size from 1 to half the players: equally many, all where there are no more.

    Where a size is its own complement its pairs stand for one size instead of two, and count half.
    """
    counts = []
    left = float(players - 1)  # sizes that the pairs still to come stand for
    for size in range(1, players // 2 + 1):
        stands_for = 1 if 2 * size == players else 2
        available = math.comb(players, size) * stands_for // 2
        counts.append((size, min(available, round(pairs * stands_for / left))))
        pairs -= counts[-1][1]
        left -= stands_for
    return [(size, count) for size, count in counts if count]


def _candidates(players: int, size: int, count: int, random: np.random.Generator) -> np.ndarray:
    """Different coalitions (candidates, players) of a size in random order: all of them, or some where there are too many."""
    whole = math.comb(players, size) <= max(CANDIDATES, 4 * count)
    if whole:
        members = np.array(list(itertools.combinations(range(players), size)))
    else:
        drawn = max(4 * count, min(20 * count, CANDIDATES))
        members = random.random((drawn, players)).argpartition(size, axis=1)[:, :size]
    masks = np.zeros((len(members), players), bool)
    np.put_along_axis(masks, members, True, axis=1)
    if 2 * size == players:
        masks[~masks[:, 0]] ^= True  # one of each two complements
    return random.permutation(masks if whole and 2 * size < players else np.unique(masks, axis=0))


def _regress(half: np.ndarray, gains: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors (players, outputs) of the weighted regression of v(S) - v(not S) (pairs, outputs) on coalitions.

    A size s weighs 1 / (s (n - s)) in all, the sum of KernelSHAP's weights of its coalitions, shared by those taken. The errors are the
    sandwich estimate HC2 (MacKinnon & White 1985) for finite populations (Cochran 1977): of a size taken whole nothing is left to chance.
    """
    pairs, players = half.shape
    sizes = half.sum(1)
    stands_for = np.where(2 * sizes == players, 1, 2)
    taken = np.bincount(sizes, minlength=players + 1)[sizes]
    weights = np.sqrt(stands_for / (taken * sizes * (players - sizes)))[:, None]
    signs = np.where(half, 1.0, -1.0)
    averages = signs.mean(1, keepdims=True)  # the equal share of the total is taken off, so that what is fitted sums to zero
    design = signs - averages
    inverse = np.linalg.pinv(design * weights, rcond=1e-10) * weights.T
    rest = gains - averages * total
    fitted = inverse @ rest
    values = fitted + (total - fitted.sum(0)) / players
    if pairs < players:
        return values, np.full(values.shape, np.nan)
    unseen = np.maximum(1 - taken / (comb(players, sizes) * stands_for / 2), 0)
    free = np.maximum(1 - np.einsum("ij,ji->i", design, inverse), 1e-9)  # the share of a residual that the fit leaves
    residuals = rest - design @ fitted
    return values, np.sqrt(inverse**2 @ (residuals**2 * (unseen / free)[:, None]))
