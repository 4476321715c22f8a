"""Whether explanations are as faithful to the model in every culture, method by method, on a sample of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from audit.attribution_shares import OVERALL
from audit.attribution_totals import draw_rows
from audit.faithfulness_gaps import BUDGET, MINIMUM, culture_gaps, length_bins, method_pairs
from audit.faithfulness_rows import RANDOM, RowFaithfulness, explain_row, is_cut, measure_row
from audit.gaps import Gap, PairDifference
from audit.mean_intervals import mean_interval
from audit.predicting import describe_model
from models.classifier import Classifier
from models.errors import ConfigError, InputError
from models.metrics import RESAMPLES, Interval
from models.progress import Progress, no_progress
from models.translator import Translator
from xai.methods import METHODS, TRANSLATION_METHODS
from xai.rankings import BASELINES, VERDICTS

MOST_ROWS = 200
PERCENTILE = "percentile"  # the measure that cultures and methods are compared by
MEANS = (PERCENTILE, "comprehensiveness", "sufficiency", "kendall_tau")
FEWEST = 2  # rows of a group that has an interval


@dataclass(frozen=True)
class MethodFaithfulness:
    """One method in the rows of one group.

    Attributes:
        method: Its name, or RANDOM.
        group: The culture, OVERALL for all of them together, or the fewest and most words of rows of similar length.
        count: Rows measured.
        metrics: Share of the rows with each of VERDICTS (0-100) with the exact interval of Clopper & Pearson (1934), since a resample of none is none; and
            means over the rows of what `RowFaithfulness` holds by the names of MEANS, with bootstrap intervals. kendall_tau is the mean of the rows that have
            one, and absent where fewer than two do.
    """

    method: str
    group: str
    count: int
    metrics: dict[str, Interval]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        return {**vars(self), "metrics": {name: vars(value) for name, value in self.metrics.items()}}


@dataclass(frozen=True)
class FaithfulnessByCulture:
    """How faithful explanations are, by method and culture.

    Attributes:
        overall: Each method and RANDOM over all rows.
        by_culture: The same in each culture with FEWEST rows or more.
        by_length: The same in fifths of the rows by their number of words, of all cultures together.
        gaps: By method: PERCENTILE in the best and the worst culture, of those with MINIMUM rows or more; none where fewer than two have.
        even_gaps: The same if each culture had the lengths of all.
        pairs: Every pair of methods and RANDOM by PERCENTILE, on the same rows.
        rows: Every explanation that was measured; these are not in the JSON.
        count: Rows that the sample was drawn from.
        measured: Rows of the sample that were measured.
        unread: Rows of the sample in which the model can read nothing, or that it translates to nothing.
        cut: Measured rows whose end the model does not see.
        output: "probability" or "log_probability" (nats): the unit of comprehensiveness and sufficiency.
        signature: Model, methods, random rankings, seed, resamples, and the settings of the sample.
    """

    overall: tuple[MethodFaithfulness, ...]
    by_culture: tuple[MethodFaithfulness, ...]
    by_length: tuple[MethodFaithfulness, ...]
    gaps: dict[str, Gap]
    even_gaps: dict[str, Gap]
    pairs: tuple[PairDifference, ...]
    rows: tuple[RowFaithfulness, ...]
    count: int
    measured: int
    unread: int
    cut: int
    output: str
    signature: dict[str, Any]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in a report."""
        content = {name: value for name, value in vars(self).items() if name != "rows"}
        content |= {name: [part.to_json_dict() for part in content[name]] for name in ("overall", "by_culture", "by_length")}
        content |= {name: {method: gap.to_json_dict() for method, gap in content[name].items()} for name in ("gaps", "even_gaps")}
        return {**content, "pairs": [asdict(pair) for pair in self.pairs]}


def measure_faithfulness_by_culture(
    model: Classifier | Translator, texts: Sequence[str], groups: np.ndarray, names: Sequence[str], *, methods: Sequence[str],
    targets: Sequence[str] | None = None, languages: Sequence[tuple[str, str]] | None = None, most_rows: int = MOST_ROWS, baselines: int = BASELINES,
    resamples: int = RESAMPLES, seed: int = 1, progress: Progress = no_progress,
) -> FaithfulnessByCulture:
    """Every method on every row of a sample, measured by `xai.faithfulness` beside random rankings and beside an explanation drawn by lot.

    Means of differences from random rankings compare cultures whose outputs the model is more or less sure of; the percentile among random rankings has no
    unit at all. In short texts it cannot be far from 50, so that cultures are also compared at equal lengths.

    Args:
        model: Explained.
        texts: Texts, or sources of translations (rows,).
        groups: Number of the culture of each row (rows,); negative for rows that are left out.
        names: Of the cultures.
        methods: Names in `xai.METHODS`, of a translator in `xai.TRANSLATION_METHODS`.
        targets: Label, or translation, that is explained in each row (rows,); None for the model's own.
        languages: Of source and target of each row (rows,), for a translator.
        most_rows: Rows of the sample, drawn as `draw_rows` does.
        baselines: Random rankings of each row, with its number added to the seed.
        resamples: Bootstrap resamples.
        seed: Of the sample, the rankings and the resamples.
        progress: Told rows done; may raise Cancelled.

    Raises:
        InputError: What comes by row is not one for each, a group has no name, no row is in a group, or the model can read fewer than FEWEST.
        ConfigError: A setting is out of range, or there is no such method.
        Cancelled: `progress` asked to stop.
    """
    _check(model, len(texts), groups, names, methods, {"targets": targets, "languages": languages}, most_rows)
    drawn = draw_rows(groups, most_rows, seed=seed)
    rows: list[RowFaithfulness] = []
    read = cut = 0
    for done, row in enumerate(drawn.tolist()):
        def told(*_: int, done: int = done) -> None:
            progress(done, len(drawn))

        told()
        found = explain_row(model, texts[row], methods, target=None if targets is None else targets[row],
                            languages=None if languages is None else languages[row], seed=seed + row, progress=told)
        rows += measure_row(model, found, row=row, group=int(groups[row]), baselines=baselines, seed=seed + row, progress=told)
        read, cut = read + bool(found), cut + any(is_cut(one) for one in found)
    progress(len(drawn), len(drawn))
    if read < FEWEST:
        raise InputError(f"{model.name} can read {read} of the {len(drawn)} rows drawn, expected {FEWEST} or more; choose other rows or another model.",
                         key="attributions-unread")
    signature = {"model": dict(describe_model(model)), "methods": list(methods), "baselines": baselines, "most_rows": most_rows, "resamples": resamples,
                 "seed": seed, "minimum": MINIMUM, "budget": BUDGET}
    return summarise(rows, names, count=int((groups >= 0).sum()), unread=len(drawn) - read, cut=cut, signature=signature)


def summarise(
    rows: Sequence[RowFaithfulness], names: Sequence[str], *, count: int, unread: int, cut: int, signature: dict[str, Any]
) -> FaithfulnessByCulture:
    """All statistics of rows that are measured.

    Args:
        rows: Every method in each row, in one order (rows times methods).
        names: Of the cultures.
        count: Rows that the sample was drawn from.
        unread: Rows drawn that were not measured.
        cut: Rows whose end the model does not see.
        signature: What the result rests on; resamples and seed are taken from it.
    """
    settings = {name: signature[name] for name in ("resamples", "seed")}
    methods = [*signature["methods"], RANDOM]
    by_method = {method: [row for row in rows if row.method == method] for method in methods}
    words = np.array([row.words for row in by_method[RANDOM]])
    groups = np.array([row.group for row in by_method[RANDOM]])
    values = {method: np.array([row.percentile for row in own]) for method, own in by_method.items()}
    bins = length_bins(words)
    lengths = {number: f"{words[bins == number].min()}–{words[bins == number].max()}" for number in np.unique(bins).tolist()}

    def parts(places: np.ndarray, known: dict[int, str]) -> tuple[MethodFaithfulness, ...]:
        return tuple(_part(method, name, [own[place] for place in np.flatnonzero(places == number)], **settings)
                     for method, own in by_method.items() for number, name in known.items() if (places == number).sum() >= FEWEST)

    gaps, even = culture_gaps({method: values[method] for method in signature["methods"]}, groups, names, bins, **settings)
    return FaithfulnessByCulture(
        parts(np.zeros(len(groups)), {0: OVERALL}), parts(groups, dict(enumerate(names))), parts(bins, lengths), gaps, even,
        tuple(method_pairs(values, **settings)), tuple(rows), count, len(groups), unread, cut, rows[0].output, signature)


def _part(method: str, group: str, rows: Sequence[RowFaithfulness], *, resamples: int, seed: int) -> MethodFaithfulness:
    metrics = {verdict: _share(sum(row.verdict == verdict for row in rows), len(rows)) for verdict in VERDICTS}
    for name in MEANS:
        values = np.array([getattr(row, name) for row in rows if getattr(row, name) is not None])
        if len(values) >= FEWEST:
            metrics[name] = mean_interval(values, resamples=resamples, seed=seed)
    return MethodFaithfulness(method, group, len(rows), metrics)


def _share(hits: int, count: int) -> Interval:
    found = binomtest(hits, count).proportion_ci(method="exact")
    return Interval(100 * hits / count, 100 * float(found.low), 100 * float(found.high))


def _check(
    model: Classifier | Translator, count: int, groups: np.ndarray, names: Sequence[str], methods: Sequence[str], by_row: dict[str, Sequence[Any] | None],
    most_rows: int,
) -> None:
    known = TRANSLATION_METHODS if isinstance(model, Translator) else METHODS
    if not methods or not set(methods) <= set(known) or len(set(methods)) < len(methods):
        raise ConfigError(f"The methods are {', '.join(methods) or 'none'}; choose one or more of {', '.join(known)}, each once.")
    if most_rows < FEWEST:
        raise ConfigError(f"At most {most_rows} rows are measured, expected {FEWEST} or more.")
    if groups.shape != (count,):
        raise InputError(f"There are {count} texts and groups {groups.shape}; give one of each for every row.")
    for name, given in by_row.items():
        if given is not None and len(given) != count:
            raise InputError(f"There are {count} texts and {len(given)} {name}; give one for each row, or none at all.")
    if not (groups >= 0).any():
        raise InputError("No row of the slice is in a group that was measured, expected one or more; choose a wider slice.", key="attributions-empty")
    if groups.max() >= len(names):
        raise InputError(f"A row is in group {groups.max()} and there are {len(names)} names; give a name for each group, from 0 on.")
