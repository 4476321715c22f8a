"""Two cheap repairs of a model's probabilities, fitted on some of its rows: a temperature, and a bias for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax

from models.metrics import macro_f1

FLOOR = 1e-7  # probabilities are raised to it, so that a logarithm of 0 does not outvote all else
TEMPERATURES = (0.05, 20.0)  # bounds; rows that are all right have their best fit at 0
BIASES = np.linspace(-3, 3, 121)  # tried for each class: a factor of up to 20 on its probability, in steps of 5 %
ROUNDS = 10  # over the classes at most; the search stops after two to four


@dataclass(frozen=True)
class Fit:
    """A repair: probabilities become softmax(log p / temperature + biases).

    Attributes:
        rows: It was fitted on.
        temperature: Above 1 makes less sure; 1 for a repair by biases.
        biases: Of each class, mean 0 (classes,); all 0 for a repair by temperature.
    """

    rows: int
    temperature: float
    biases: tuple[float, ...]

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Repaired probabilities of each class (rows, classes), 0-1."""
        return np.asarray(softmax(_logarithms(probabilities) / self.temperature + np.asarray(self.biases), axis=1))


def halve_rows(groups: np.ndarray, labels: np.ndarray, *, seed: int) -> np.ndarray:
    """Which rows a repair is fitted on (rows,): every second of each group, ordered by gold class and, within it, by lot."""
    order = np.lexsort((np.random.default_rng(seed).random(len(groups)), labels, groups))
    first = np.searchsorted(groups[order], groups[order])  # place where the group of each row begins
    chosen = np.zeros(len(groups), dtype=bool)
    chosen[order] = (np.arange(len(groups)) - first) % 2 == 0
    return chosen


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> Fit:
    """The temperature with the smallest log loss, within TEMPERATURES (Guo et al. 2017).

    Args:
        probabilities: Of each class (rows, classes), 0-1.
        labels: Number of the gold class of each row (rows,).
    """
    logs = _logarithms(probabilities)
    own = logs[np.arange(len(labels)), labels]

    def log_loss(logarithm: float) -> float:
        inverse = np.exp(-logarithm)
        return float((logsumexp(logs * inverse, axis=1) - own * inverse).mean())

    found = minimize_scalar(log_loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-5})
    return Fit(len(labels), float(np.exp(found.x)), (0.0,) * probabilities.shape[1])


def fit_biases(probabilities: np.ndarray, labels: np.ndarray) -> Fit:
    """Biases of the classes with a high macro-F1: class after class takes the best of BIASES, and of equally good ones the nearest, until none moves.

    Args:
        probabilities: Of each class (rows, classes), 0-1.
        labels: Number of the gold class of each row (rows,).
    """
    logs = _logarithms(probabilities)
    places = np.full(logs.shape[1], len(BIASES) // 2)  # of 0
    for _ in range(ROUNDS):
        before = places.copy()
        for number in range(len(places)):
            score = macro_f1(_confusions(logs, labels, number, BIASES[places]))
            best = np.flatnonzero(score > score.max() - 1e-9)
            places[number] = best[np.abs(best - places[number]).argmin()]
        if (places == before).all():
            break
    biases = BIASES[places] - BIASES[places].mean()
    return Fit(len(labels), 1.0, tuple(biases.tolist()))


def _confusions(logs: np.ndarray, labels: np.ndarray, number: int, biases: np.ndarray) -> np.ndarray:
    """Counts (tried, gold, predicted) with each of BIASES for one class, those of the others as they are."""
    size, tried = len(biases), len(BIASES)
    others = logs + biases
    others[:, number] = -np.inf
    rival = others.argmax(1)
    needed = others.max(1) - logs[:, number]  # bias above which the class is predicted
    cells = (labels * size + rival) * (tried + 1) + np.searchsorted(BIASES, needed, side="right")
    taken = np.bincount(cells, minlength=size * size * (tried + 1)).reshape(size, size, tried + 1).cumsum(-1)
    confusions = np.moveaxis(taken[..., -1:] - taken[..., :-1], -1, 0)
    confusions[..., number] += taken[..., :-1].sum(1).T
    return np.asarray(confusions)


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(probabilities, FLOOR)))
