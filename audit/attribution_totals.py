"""Which words speak for the predicted class in a slice of rows, by culture and class, from the explanations of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from audit.attribution_shares import AttributionShare, class_shares, total_shares, whole_words
from audit.mean_intervals import mean_interval
from audit.predicting import describe_model
from audit.report_tables import ReportTable
from audit.word_classes import row_language
from audit.wording import shown
from models.classifier import Classifier
from models.errors import ConfigError, InputError
from models.metrics import RESAMPLES, Interval
from models.progress import Progress, no_progress
from models.tokens import tokenize
from xai.attribution import Attribution
from xai.methods import METHODS

METHOD = "integrated_gradients"  # the fastest one that adds up to the output
MOST_ROWS = 200  # explained within half a minute with a small model on two cores
LANGUAGE = "language"  # column that tells the language of a text, where a table has it
MINIMUM = 5  # rows that hold a word


@dataclass(frozen=True)
class WordTotal:
    """A word in the rows of one class.

    Attributes:
        word: Without case; a piece of the tokenizer in scripts that are written without spaces.
        count: Rows that hold it.
        share: Of the explained rows of the class (0-100).
        score: Mean over these rows of what it adds to the output for the predicted class, in the unit of the output, with its 95 % interval. What a word
            adds to a row is the sum over its occurrences there.
    """

    word: str
    count: int
    share: float
    score: Interval


@dataclass(frozen=True)
class ClassTotals:
    """The words of the rows for which one class is predicted.

    Attributes:
        group: The culture, or "overall" for all of them together.
        target: The predicted class.
        count: Rows explained.
        words: The largest absolute mean first.
        rare: Different words that too few rows hold to be among them.
    """

    group: str
    target: str
    count: int
    words: tuple[WordTotal, ...]
    rare: int

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {"culture": self.group, "target": self.target, "count": self.count, "words": [asdict(word) for word in self.words], "rare": self.rare}


@dataclass(frozen=True)
class AttributionTotals:
    """The words of a slice.

    Attributes:
        overall: Each predicted class, over all cultures together.
        by_culture: Each predicted class of each culture; those without a row are absent.
        shares: How much of the attribution is on identity terms, negation, emoji and stop words, by `total_shares`.
        count: Rows that the sample was drawn from.
        explained: Rows of the sample that are explained.
        unread: Rows of the sample in which the model can read nothing.
        cut: Explained rows whose end the model does not see; words from the cut on are left out.
        output: "probability" (0-1) or "logit": the unit of the scores.
        signature: Model, method, seed, resamples, and the settings of the sample.
    """

    overall: tuple[ClassTotals, ...]
    by_culture: tuple[ClassTotals, ...]
    shares: tuple[AttributionShare, ...]
    count: int
    explained: int
    unread: int
    cut: int
    output: str
    signature: dict[str, Any]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "overall": [part.to_json_dict() for part in self.overall], "by_culture": [part.to_json_dict() for part in self.by_culture],
                "shares": [share.to_json_dict() for share in self.shares]}


def attribution_totals(
    model: Classifier, texts: Sequence[str], groups: np.ndarray, names: Sequence[str], *, languages: Sequence[str] | None = None, method: str = METHOD,
    most_rows: int = MOST_ROWS, minimum: int = MINIMUM, resamples: int = RESAMPLES, seed: int = 1, progress: Progress = no_progress,
) -> AttributionTotals:
    """What each word adds to the predicted class, mean over the rows of a sample that hold it.

    A row has the scores that `xai` gives it alone, with the method's default settings, so that they are those of the explore page.

    Args:
        model: Explained for the class that it predicts.
        texts: (rows,).
        groups: Number of the culture of each row (rows,); negative for rows that are left out.
        names: Of the cultures.
        languages: Tag of the language of each row (rows,), for the classes of its words; None where the names of the cultures are all that tells.
        method: A name in `xai.METHODS`.
        most_rows: Rows of the sample, drawn as `draw_rows` does.
        minimum: Rows of a class that hold a word, for it to come back; 2 or more.
        resamples: Bootstrap resamples.
        seed: Of the sample and the resamples.
        progress: Told rows done.

    Raises:
        InputError: Texts, groups and languages are not one for each row, a group has no name, no row is in a group, or the model can read none of those drawn.
        ConfigError: A setting is out of range, or there is no such method.
        Cancelled: `progress` asked to stop.
    """
    _check(len(texts), groups, names, languages, method, most_rows, minimum)
    drawn = draw_rows(groups, most_rows, seed=seed)
    found: list[tuple[int, Attribution]] = []
    for done, row in enumerate(drawn.tolist()):
        explanation = _explain(model, texts[row], method, lambda *_, done=done: progress(done, len(drawn)))
        if explanation is not None:
            found.append((row, explanation))
    progress(len(drawn), len(drawn))
    if not found:
        raise InputError(f"{model.name} can read none of the {len(drawn)} rows drawn; choose other rows or another model.", key="attributions-unread")
    own = [names[groups[row]] for row, _ in found]
    rows = [(name, explanation.target, word_scores(explanation)) for name, (_, explanation) in zip(own, found, strict=True)]
    tags = own if languages is None else [languages[row] for row, _ in found]
    shares = [class_shares(explanation, row_language(tag, explanation.text)) for tag, (_, explanation) in zip(tags, found, strict=True)]
    settings = {"minimum": minimum, "resamples": resamples, "seed": seed}
    return AttributionTotals(
        _totals([("overall", target, scores) for _, target, scores in rows], ["overall"], model.labels, **settings),
        _totals(rows, names, model.labels, **settings), total_shares(shares, own, names, **settings),
        int((groups >= 0).sum()), len(found), len(drawn) - len(found), sum(explanation.truncated_at is not None for _, explanation in found),
        found[0][1].output, {"model": dict(describe_model(model)), "method": method, "most_rows": most_rows, **settings})


def draw_rows(groups: np.ndarray, most: int, *, seed: int = 1) -> np.ndarray:
    """Numbers of the rows of a sample (sampled,), ascending: one of each group in turn, until there are `most` or no more.

    Groups with enough rows differ by one row at most. A larger sample of the same rows and seed holds the smaller one.

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one are not drawn.
        most: Rows at most.
        seed: Of the order in which the rows of a group have their turn.
    """
    member = np.random.default_rng(seed).permutation(np.flatnonzero(groups >= 0))
    order = np.argsort(groups[member], kind="stable")
    codes, turn = groups[member][order], np.empty(len(member), dtype=np.int64)
    turn[order] = np.arange(len(member)) - np.searchsorted(codes, codes)
    return np.sort(member[np.argsort(turn, kind="stable")[:most]])


def word_scores(explanation: Attribution) -> dict[str, float]:
    """Score of each word of a text, without case and summed over its occurrences; a word that touches the place where the text was cut is left out."""
    words, scores = whole_words(explanation), dict[str, float]()
    for word, score in zip(words.tokens, words.scores.tolist(), strict=True):
        scores[word.casefold()] = scores.get(word.casefold(), 0.0) + score
    return scores


def totals_table(found: AttributionTotals) -> ReportTable:
    """Every word of every class, of all cultures together first."""
    rows = [(shown(part.group), shown(part.target), shown(word.word), word.count, word.share, word.score.value, word.score.low, word.score.high)
            for part in (*found.overall, *found.by_culture) for word in part.words]
    return ReportTable(("group", "predicted-class", "word", "count", "share-of-class", "mean-score", "low", "high"), tuple(rows))


def _check(
    count: int, groups: np.ndarray, names: Sequence[str], languages: Sequence[str] | None, method: str, most_rows: int, minimum: int
) -> None:
    if method not in METHODS:
        raise ConfigError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    if most_rows < 1 or minimum < 2:
        raise ConfigError(f"At most {most_rows} rows are explained and words are in {minimum} rows or more; expected at least 1 and 2.")
    if groups.shape != (count,):
        raise InputError(f"There are {count} texts and groups {groups.shape}; give one of each for every row.")
    if languages is not None and len(languages) != count:
        raise InputError(f"There are {count} texts and {len(languages)} languages; give one for each row, or none at all.")
    if not (groups >= 0).any():
        raise InputError("No row of the slice is in a group that was measured, expected one or more; choose a wider slice.", key="attributions-empty")
    if groups.max() >= len(names):
        raise InputError(f"A row is in group {groups.max()} and there are {len(names)} names; give a name for each group, from 0 on.")


def _explain(model: Classifier, text: str, method: str, progress: Progress) -> Attribution | None:
    """The explanation of the predicted class, or None where the model can read nothing."""
    progress(0, 1)
    try:
        tokenize(model, text)
    except InputError:
        return None
    return METHODS[method](model, text, progress=progress)


def _totals(
    rows: Sequence[tuple[str, str, dict[str, float]]], groups: Sequence[str], targets: Sequence[str], *, minimum: int, resamples: int, seed: int
) -> tuple[ClassTotals, ...]:
    """Rows of (group, target, scores) added up in the order of groups and targets."""
    found = []
    for group, target in ((group, target) for group in groups for target in targets):
        own = [scores for name, said, scores in rows if (name, said) == (group, target)]
        if not own:
            continue
        values: dict[str, list[float]] = {}
        for scores in own:
            for word, score in scores.items():
                values.setdefault(word, []).append(score)
        words = [WordTotal(word, len(held), 100 * len(held) / len(own), mean_interval(np.array(held), resamples=resamples, seed=seed))
                 for word, held in values.items() if len(held) >= minimum]
        found.append(ClassTotals(group, target, len(own), tuple(sorted(words, key=lambda word: (-abs(word.score.value), word.word))), len(values) - len(words)))
    return tuple(found)
