"""Words that stand in the errors of a culture more often than in its right rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from audit.features import WORD, Features, tabulate_features, text_words
from audit.gaps import adjust
from models.errors import ConfigError, InputError

MOST_WORDS = 20_000  # the most frequent of all cultures together
PRIOR = 500  # words that the prior counts for: how firmly a word is held to be as frequent in errors as in right rows


@dataclass(frozen=True)
class ErrorWord:
    """A word of one culture.

    Attributes:
        word: Without case; a pair of characters in scripts that are written without spaces.
        errors, right: Wrong and right rows that hold it.
        log_odds: Log of the ratio of its odds among the words of wrong rows and among those of right rows, drawn towards 0 by the prior.
        z: log_odds in standard errors.
        p_value, q_value: Chance of such a z or a larger one if it were as frequent in both (0-1); adjusted over all words of all cultures.
    """

    word: str
    errors: int
    right: int
    log_odds: float
    z: float
    p_value: float
    q_value: float

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return dict(vars(self))


@dataclass(frozen=True)
class ErrorWords:
    """The words of every culture.

    Attributes:
        by_culture: The largest z first; a culture without such words has none.
        tried: Words tested in all cultures together, all of which the q-values allow for.
        level: Of the q-values (0-1).
    """

    by_culture: dict[str, tuple[ErrorWord, ...]]
    tried: int
    level: float

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"by_culture": {name: [word.to_json_dict() for word in words] for name, words in self.by_culture.items()}, "tried": self.tried,
                "level": self.level}


def error_words(
    texts: Sequence[str], errors: np.ndarray, groups: np.ndarray, names: Sequence[str], *, minimum: int = 10, most: int = 20, level: float = 0.05
) -> ErrorWords:
    """Words with q below `level`, by culture.

    A word counts once a row, so that a row which repeats it is no more than one witness.

    Args:
        texts: (rows,).
        errors: Whether a row is wrong (rows,).
        groups: Number of the culture of each row (rows,); negative for rows that are left out.
        names: Of the cultures.
        minimum: Rows of a culture that hold a word, for it to be tested there.
        most: Words of a culture that come back at most.
        level: Of q-values (0-1).

    Raises:
        InputError: Texts, errors and groups are not one for each row, or a group has no name.
        ConfigError: A setting is out of range.
    """
    if minimum < 1 or most < 1 or not 0 < level < 1:
        raise ConfigError(f"Words are in {minimum} rows or more, {most} come back, at the level {level}; expected at least 1 of the first two, and a level "
                          "between 0 and 1.")
    if errors.shape != (len(texts),) or groups.shape != (len(texts),):
        raise InputError(f"There are {len(texts)} texts, errors {errors.shape} and groups {groups.shape}; give one of each for every row.")
    if len(groups) and groups.max() >= len(names):
        raise InputError(f"A row is in group {groups.max()} and there are {len(names)} names; give a name for each group, from 0 on.")
    member = np.flatnonzero(groups >= 0)
    table = tabulate_features(({WORD + word for word in text_words(texts[row])} for row in member.tolist()), minimum=minimum, most_words=MOST_WORDS)
    wrong, codes = errors[member].astype(bool), groups[member]
    counts = [(_rows(table, (codes == group) & wrong), _rows(table, (codes == group) & ~wrong)) for group in range(len(names))]
    scored = [log_odds(*pair) for pair in counts]
    tested = [np.flatnonzero(in_errors + in_right >= minimum) for in_errors, in_right in counts]
    p_values = [norm.sf(z[own]) for (_, z), own in zip(scored, tested, strict=True)]
    q_values = np.array(adjust(np.concatenate([*p_values, np.zeros(0)]).tolist()))
    found, done = {}, 0
    for group, name in enumerate(names):
        own, (value, z) = tested[group], scored[group]
        q_own = q_values[done : done + len(own)]
        done += len(own)
        words = [ErrorWord(table.names[place].removeprefix(WORD), int(counts[group][0][place]), int(counts[group][1][place]), float(value[place]),
                           float(z[place]), float(p_values[group][number]), float(q_own[number])) for number, place in enumerate(own) if q_own[number] < level]
        found[name] = tuple(sorted(words, key=lambda word: (-word.z, word.word))[:most])
    return ErrorWords(found, done, level)


def log_odds(first: np.ndarray, second: np.ndarray, *, prior: float = PRIOR) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds ratio of each word and its z-score, with an informative Dirichlet prior (Monroe, Colaresi & Quinn 2008).

    The prior has the frequencies of both together, as if each had been seen in `prior` words more. A word that neither holds has 0 and 0, and so has one
    that is the only word of both: there is no other to be more frequent than.

    Args:
        first, second: Counts of every word (words,); above 0 is more frequent in the first.
        prior: Words that it counts for.
    """
    both = first + second
    held = both > 0
    value, z = np.zeros(len(both)), np.zeros(len(both))
    if held.sum() < 2:
        return value, z
    alpha = prior * both[held] / both.sum()
    terms = [(counts[held] + alpha, counts.sum() + prior) for counts in (first, second)]
    logits = [np.log(own / (total - own)) for own, total in terms]
    value[held] = logits[0] - logits[1]
    z[held] = value[held] / np.sqrt(1 / terms[0][0] + 1 / terms[1][0])
    return value, z


def _rows(table: Features, member: np.ndarray) -> np.ndarray:
    """How many of these rows have each feature (features,)."""
    return np.asarray(table.values[member].sum(0)).ravel().astype(np.int64)
