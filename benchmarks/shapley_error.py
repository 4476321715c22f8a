"""Error of estimated Shapley values at equal budgets: shap's explainers beside ours, against all coalitions.

Every estimator gets the same games and is charged for the different coalitions it asks for. Games: words of texts of the culture probe under a
checkpoint, and three kinds from game theory with strong interactions.

`python -m benchmarks.shapley_error [--model toy] [--texts 20] [--seeds 20] [--output runs/shapley_error.json]`
"""

from __future__ import annotations

import argparse
import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from audit import read_probe
from benchmarks.shap_masker import TokenMasker
from models import load_classifier
from models.classifier import Classifier
from models.tokens import tokenize
from xai.masking import MaskedOutput
from xai.shap_values import partition_tree
from xai.shapley import estimate_shapley, exact_shapley

BUDGETS = (32, 64, 128, 256, 512, 1024)
WORDS = (11, 12)  # fewest and most, so that no budget covers all coalitions
A_CULTURE = 4
PLAYERS = 12
GAMES = 6  # of each kind from game theory


class Table:
    """A game of which every value is known, that counts what it is asked for.

    Attributes:
        players: How many there are.
        asked: Numbers of the coalitions asked for.
    """

    def __init__(self, values: np.ndarray) -> None:
        """Keeps the values (2^players,), the bits of whose numbers are the players."""
        self.values, self.players = values, len(values).bit_length() - 1
        self.asked: set[int] = set()

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        """Values (rows,) of masks (rows, players)."""
        numbers = (np.atleast_2d(masks) > 0.5) @ (1 << np.arange(self.players))
        self.asked.update(numbers.tolist())
        return np.asarray(self.values[numbers])


def main() -> None:
    """Measures every estimator on every game and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="toy", help="a name under checkpoints/ or a folder")
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--output", default="runs/shapley_error.json")
    args = parser.parse_args()
    logging.getLogger("shap").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    families = {f"words under {args.model}": text_games(load_classifier(args.model), args.texts),
                **{name: [make(random) for _ in range(GAMES)] for name, make in MAKERS.items()}}
    report: dict[str, Any] = {}
    for family, games in families.items():
        exact = [exact_shapley(Table(values), len(values).bit_length() - 1) for values in games]
        report[family] = {name: [measure(estimate, games, exact, budget, args.seeds) for budget in BUDGETS] for name, estimate in ESTIMATORS.items()}
    Path(args.output).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output).write_text(json.dumps(report, indent=1), encoding="utf-8")
    show(report, {family: len(games) for family, games in families.items()}, args.seeds)


def measure(estimate: Callable[[Table, int, int], np.ndarray], games: list[np.ndarray], exact: list[np.ndarray], budget: int, seeds: int) -> dict[str, float]:
    """Mean relative error over games and seeds, half of its 95 % interval over seeds, and mean different coalitions asked for."""
    errors, asked = np.zeros((seeds, len(games))), np.zeros((seeds, len(games)))
    for seed in range(seeds):
        for number, (values, truth) in enumerate(zip(games, exact, strict=True)):
            game = Table(values)
            found = estimate(game, budget, 1000 * number + seed)
            errors[seed, number] = np.sqrt(np.mean((found - truth) ** 2) / np.mean(truth**2))
            asked[seed, number] = len(game.asked)
    half = stats.t.ppf(0.975, seeds - 1) * stats.sem(errors.mean(1)) if seeds > 1 else float("nan")
    return {"error": float(errors.mean()), "half_interval": float(half), "evaluations": float(asked.mean()), "most_evaluations": float(asked.max())}


def show(report: dict[str, Any], counts: dict[str, int], seeds: int) -> None:
    """Prints the table and what ours needs to reach the error of shap's best."""
    print(f"Error: root mean square over players relative to that of the exact values; mean over games and {seeds} seeds ± 95 % interval over seeds.")
    print("In brackets the different coalitions asked for, where fewer than the budget. Partition values are Owen values over a tree of "
          "neighbouring words:\nthey do not converge to Shapley values, whatever the budget.")
    print("| games | estimator | " + " | ".join(map(str, BUDGETS)) + " |\n|---|---|" + "---:|" * len(BUDGETS))
    for family, rows in report.items():
        for name, cells in rows.items():
            print(f"| {counts[family]} × {family} | {name} | " + " | ".join(cell(*pair) for pair in zip(cells, BUDGETS, strict=True)) + " |")
    for family, rows in report.items():
        needs = [needed(rows, number) for number in range(len(BUDGETS))]
        print(f"{family}: to reach the error of shap's best ours needs "
              + ", ".join(f"{sign}{share:.2f}" for sign, share in needs) + f" of its evaluations (at budgets {', '.join(map(str, BUDGETS))})")


def cell(values: dict[str, float], budget: int) -> str:
    """One entry of the table."""
    if np.isnan(values["error"]):
        return "budget too small"
    if values["error"] > 100:
        return "over 100"  # a regression without a single solution
    short = f" ({values['evaluations']:.0f})" if values["evaluations"] < budget - 1 else ""
    return f"{values['error']:.3f} ± {values['half_interval']:.3f}{short}"


def needed(rows: dict[str, list[dict[str, float]]], number: int) -> tuple[str, float]:
    """Evaluations ours needs for the least error among shap's at that budget, as a share of those; "<" where our smallest budget does."""
    best = min((cells[number] for name, cells in rows.items() if name != OURS), key=lambda values: np.nan_to_num(values["error"], nan=np.inf))
    curve = np.log([[values["evaluations"], values["error"]] for values in rows[OURS]])
    sign = "<" if np.log(best["error"]) > curve[0, 1] else ">" if np.log(best["error"]) < curve[-1, 1] else ""
    return sign, float(np.exp(np.interp(-np.log(best["error"]), -curve[:, 1], curve[:, 0])) / best["evaluations"])


def text_games(model: Classifier, count: int) -> list[np.ndarray]:
    """Probability of the predicted label for every choice of kept words, for that many texts, a few of each culture in turn."""
    found: dict[str, list[str]] = {}
    for sentence in read_probe():
        if WORDS[0] <= tokenize(model, sentence.text).word_ids[-1] + 1 <= WORDS[1]:
            found.setdefault(sentence.culture, []).append(sentence.text)
    texts = [texts[turn] for turn in range(A_CULTURE) for texts in found.values() if turn < len(texts)]
    games = []
    for text in texts[:count]:
        output = MaskedOutput(model, text, None)
        words = np.array(output.tokenized.word_ids)
        games.append(output(all_masks(int(words[-1] + 1))[:, words]))
    return games


def all_masks(players: int) -> np.ndarray:
    """Every coalition (2^players, players), in the order of their numbers."""
    return (np.arange(2**players)[:, None] >> np.arange(players) & 1).astype(bool)


def unanimity(random: np.random.Generator) -> np.ndarray:
    """A sum of 25 games each won by one set of one to six players, by normal weights (Shapley 1953)."""
    masks = all_masks(PLAYERS)
    return np.asarray(sum(random.normal() * masks[:, random.choice(PLAYERS, random.integers(1, 7), replace=False)].all(1) for _ in range(25)))


def majority(random: np.random.Generator) -> np.ndarray:
    """Voting by one to nine votes each: 1 where a coalition has more than half (Shapley & Shubik 1954)."""
    votes = random.integers(1, 10, PLAYERS)
    return np.asarray(all_masks(PLAYERS) @ votes > votes.sum() / 2, dtype=float)


def airport(random: np.random.Generator) -> np.ndarray:
    """The longest runway a coalition needs (Littlechild & Owen 1973)."""
    return np.asarray((all_masks(PLAYERS) * random.integers(1, 100, PLAYERS)).max(1).astype(float))


def shap_kernel(game: Table, budget: int, seed: int, l1_reg: Any = False) -> np.ndarray:
    """Values by shap's KernelExplainer; it counts neither the empty nor the full coalition."""
    from shap import KernelExplainer

    np.random.seed(seed)
    explainer = KernelExplainer(game, np.zeros((1, game.players)))
    return np.asarray(explainer.shap_values(np.ones(game.players), nsamples=budget - 2, l1_reg=l1_reg, silent=True))


def shap_kernel_default(game: Table, budget: int, seed: int) -> np.ndarray:
    """The same with its default, the ten strongest players only."""
    return shap_kernel(game, budget, seed, "num_features(10)")


def shap_permutation(game: Table, budget: int, seed: int) -> np.ndarray:
    """Values by shap's PermutationExplainer; it counts the empty coalition again in each permutation."""
    from shap import PermutationExplainer

    if budget < 2 * game.players + 1:
        return np.full(game.players, np.nan)
    masker: Any = TokenMasker(None, game.players)
    explainer = PermutationExplainer(game, masker, seed=seed)
    return np.asarray(explainer(np.arange(game.players)[None], max_evals=budget, silent=True).values[0])


def shap_partition(game: Table, budget: int, seed: int) -> np.ndarray:
    """Values by shap's PartitionExplainer over halves of halves; it counts every node it opens, though coalitions repeat."""
    from shap import PartitionExplainer

    np.random.seed(seed)
    masker: Any = TokenMasker(partition_tree(tuple(range(game.players))), game.players)
    return np.asarray(PartitionExplainer(game, masker)(np.arange(game.players)[None], max_evals=budget, silent=True).values[0])


def ours(game: Table, budget: int, seed: int) -> np.ndarray:
    """Our estimate."""
    return estimate_shapley(game, game.players, budget=budget, seed=seed).values


MAKERS = {"unanimity sums": unanimity, "weighted majority": majority, "airport": airport}
OURS = "ours"
ESTIMATORS: dict[str, Callable[[Table, int, int], np.ndarray]] = {
    "shap kernel, l1_reg=False": shap_kernel,
    "shap kernel, default": shap_kernel_default,
    "shap permutation": shap_permutation,
    "shap partition": shap_partition,
    OURS: ours,
}

if __name__ == "__main__":
    main()
