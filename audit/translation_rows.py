"""Translations by group: BLEU, chrF and TER, and how many are untranslated, repeated, too short or long, or lose numbers and names.

Every metric is a function of sums of what the rows add, so a resample weights the rows and adds up again, and never touches a row in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audit.gaps import Measured
from audit.measures import Cells, Measure, Values
from audit.parallel import Parallel
from audit.report import AuditConfig, GroupResult, group_results, measured
from audit.translation_errors import Check, Translations, check_translations, standard_language
from models.errors import InputError
from models.metrics import RESAMPLES
from models.progress import Progress, no_progress
from models.translation_metrics import Scores, sentence_statistics

BLOCK = 4_000_000  # weights held at once (32 MB), so that memory does not grow with the resamples
CHUNK = 500  # rows whose n-grams and edits are counted between two reports of progress
SCORES = {"bleu": (100, True), "chrf": (100, True), "ter": (100, False), "rouge_l": (100, True), "length_ratio": (1, None)}  # scale, higher is better
RATES = {  # metric -> check, and whether the rows that pass are counted
    "untranslated": ("untranslated", False), "repeated": ("repeated", False), "length_errors": ("length", False), "number_kept": ("number", True),
    "name_kept": ("name", True), "wrong_language": ("wrong_language", False)}


@dataclass(frozen=True)
class TranslationRows:
    """What was measured of a table of translations.

    Attributes:
        overall: All rows together, without the metrics of `incomparable`.
        by_group: Every group in the order of its number; metrics are bleu, chrf, ter (0 or more), rouge_l, the rates of RATES (0-100) and length_ratio.
        names: Of the groups (groups,).
        values: Every metric of each group over the rows that gaps are found in (groups,): all, or those of a parallel table's items; NaN where none.
        draws: Every metric in bootstrap resamples of these rows (resamples, groups).
        measures: Scale and better end of every metric.
        signatures: How bleu, chrf, ter, rouge_l and length_ratio were counted; where languages differ, for each.
        incomparable: Metrics that groups count differently, so that they have no overall value and no gap, and why.
        checks: Each check of every row (rows,); it applies to no row without a group.
        target_languages: Tags of all rows that are measured, sorted.
    """

    overall: GroupResult
    by_group: tuple[GroupResult, ...]
    names: tuple[str, ...]
    values: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    measures: dict[str, Measure]
    signatures: dict[str, str]
    incomparable: dict[str, str]
    checks: dict[str, Check]
    target_languages: tuple[str, ...]

    def measured(self, config: AuditConfig) -> dict[str, Measured]:
        """What gaps and pairs are found in: metrics that have a better end and are counted alike in all groups."""
        comparable = {name: measure for name, measure in self.measures.items() if name not in self.incomparable}
        return measured(self.names, self.values, self.draws, comparable, config)

    def any_failed(self) -> np.ndarray:
        """Whether each row fails any check (rows,)."""
        return np.asarray(np.any([check.failed for check in self.checks.values()], axis=0))


@dataclass(frozen=True)
class _Statistics:
    """What every row adds (rows, statistics), and the metrics of sums of that."""

    values: np.ndarray
    measures: dict[str, Measure]

    def measure(self, sums: np.ndarray, draws: np.ndarray, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Every metric (groups,) of sums (groups, statistics), and its draws (resamples, groups) of sums drawn (resamples, groups, statistics)."""
        cells = Cells(sums, np.zeros(sums.shape), np.zeros(0, dtype=np.int64), self.measures)
        return cells.values(), cells.loosen({name: measure.values(draws, draws) for name, measure in self.measures.items()}, seed=seed)


def measure_translation_rows(
    groups: np.ndarray, rows: Translations, names: Sequence[str], *, parallel: Parallel | None = None, resamples: int = RESAMPLES, seed: int = 1,
    progress: Progress = no_progress,
) -> TranslationRows:
    """Every metric of every group with its interval, by a bootstrap over rows (Koehn 2004).

    Args:
        groups: Number of the group of each row (rows,); rows with a negative one are not measured.
        rows: The columns.
        names: Of the groups.
        parallel: Items that stand in all groups; gaps are then found over these, each drawn in all groups at once.
        resamples: Bootstrap draws.
        seed: Of the draws.
        progress: Told of rows whose statistics are counted.

    Raises:
        InputError: Groups and rows do not fit, a group has no row, a language is no tag, or a group is translated into languages whose words are counted
            differently.
        Cancelled: `progress` asked to stop.
    """
    member = _members(groups, rows, names)
    own, groups_of = rows.take(member), groups[member]
    languages = np.array([standard_language(tag) for tag in own.target_languages])
    counted, signatures = _count(own, languages, progress)
    _check_groups(groups_of, languages, signatures, names)
    checks = check_translations(own)
    statistics = _join(counted, checks)
    parts = [np.flatnonzero(groups_of == group) for group in range(len(names))]
    sums = np.stack([statistics.values[part].sum(0) for part in parts])
    values, draws = statistics.measure(
        sums, np.stack([_draw_sums(statistics.values[part], resamples, [seed, group]) for group, part in enumerate(parts)], axis=1), seed)
    by_group = group_results(names, [len(part) for part in parts], values, draws, statistics.measures)
    incomparable = _incomparable(signatures)
    overall = _overall(statistics, resamples, seed, incomparable)
    if parallel is not None:
        place = np.full(len(groups), -1)
        place[member] = np.arange(len(member))
        items = statistics.values[place[parallel.rows]]
        drawn = _draw_sums(items.reshape(len(items), -1), resamples, [seed])
        values, draws = statistics.measure(items.sum(0), drawn.reshape(resamples, *items.shape[1:]), seed)
    return TranslationRows(overall, by_group, tuple(names), values, draws, statistics.measures, _one_signature(signatures), incomparable,
                           {name: _spread(check, member, len(groups)) for name, check in checks.items()}, tuple(signatures))


def _members(groups: np.ndarray, rows: Translations, names: Sequence[str]) -> np.ndarray:
    if groups.shape != (len(rows.sources),):
        raise InputError(f"There are groups {groups.shape} of {len(rows.sources)} rows; give one number for each row.")
    member = np.flatnonzero(groups >= 0)
    sizes = np.bincount(groups[member], minlength=len(names))
    if not len(names) or len(sizes) > len(names) or not sizes.all():
        raise InputError(f"{len(names)} groups ({', '.join(names)}) have {', '.join(map(str, sizes))} rows; give a name and at least one row for each.")
    return member


def _count(rows: Translations, languages: np.ndarray, progress: Progress) -> tuple[dict[str, tuple[np.ndarray, Scores]], dict[str, dict[str, str]]]:
    """Statistics of every row (rows, values) with the scores of their sums, by metric, and the signatures by target language."""
    found: dict[str, tuple[np.ndarray, Scores]] = {}
    signatures: dict[str, dict[str, str]] = {}
    done = 0
    for language in np.unique(languages).tolist():
        numbers = np.flatnonzero(languages == language)
        for start in range(0, len(numbers), CHUNK):
            part = numbers[start : start + CHUNK]
            texts = rows.take(part)
            counted = sentence_statistics(texts.hypotheses, texts.references, language)
            signatures[language] = {name: statistic.signature for name, statistic in counted.items()}
            for name, statistic in counted.items():
                values, _ = found.setdefault(name, (np.zeros((len(languages), statistic.values.shape[1])), statistic.scores))
                values[part] = statistic.values
            done += len(part)
            progress(done, len(languages))
    return found, signatures


def _check_groups(groups: np.ndarray, languages: np.ndarray, signatures: Mapping[str, Mapping[str, str]], names: Sequence[str]) -> None:
    for group, name in enumerate(names):
        own = np.unique(languages[groups == group]).tolist()
        if any(signatures[language] != signatures[own[0]] for language in own):
            raise InputError(f"The group {name} is translated into {', '.join(own)}, whose words are counted differently; expected languages with words of one "
                             "kind in a group, so add the column of target languages to those that make the groups, or audit each language alone.")


def _join(counted: Mapping[str, tuple[np.ndarray, Scores]], checks: Mapping[str, Check]) -> _Statistics:
    """All statistics side by side: a column of ones, those of the scores, and two columns for each rate."""
    rows = len(next(iter(checks.values())).applies)
    columns, width = [np.ones((rows, 1))], 1
    measures = {}
    for name, (scale, better) in SCORES.items():
        values, scores = counted[name]
        measures[name] = Measure(_score(scores, slice(width, width + values.shape[1])), scale, better, lambda sums: sums[..., 0])
        columns.append(values)
        width += values.shape[1]
    for name, (check, passed) in RATES.items():
        applies, failed = checks[check].applies, checks[check].failed
        measures[name] = _rate(width, higher_is_better=passed)
        columns.append(np.stack([applies, applies & ~failed if passed else failed], axis=1).astype(np.float64))
        width += 2
    return _Statistics(np.concatenate(columns, axis=1), measures)


def _score(scores: Scores, columns: slice) -> Values:
    """The metric of sums of all statistics, of which it needs some columns; the means of cells that a Measure is given as well say nothing here."""
    return lambda sums, _: scores(sums[..., columns])


def _rate(column: int, *, higher_is_better: bool) -> Measure:
    """Share of the rows counted in a column among those that a check applies to, counted in the one before it."""
    def rate(sums: np.ndarray, _: np.ndarray) -> np.ndarray:
        applied = sums[..., column]
        return np.asarray(100 * np.divide(sums[..., column + 1], applied, out=np.full(applied.shape, np.nan), where=applied > 0))

    return Measure(rate, 100, higher_is_better, lambda sums: sums[..., column])


def _draw_sums(statistics: np.ndarray, resamples: int, seed: Sequence[int]) -> np.ndarray:
    """Sums over rows drawn with replacement (resamples, statistics) of what each adds (rows, statistics).

    Rows are drawn by their numbers and counted, four times as fast as a multinomial draw over as many cells as rows.
    """
    count, generator, found = len(statistics), np.random.default_rng(seed), []
    size = max(1, BLOCK // count)
    for start in range(0, resamples, size):
        block = min(size, resamples - start)
        drawn = generator.integers(0, count, size=(block, count)) + count * np.arange(block)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=block * count).reshape(block, count)
        found.append(weights.astype(np.float64) @ statistics)
    return np.concatenate(found)


def _overall(statistics: _Statistics, resamples: int, seed: int, incomparable: Mapping[str, str]) -> GroupResult:
    values, draws = statistics.measure(statistics.values.sum(0)[None], _draw_sums(statistics.values, resamples, [seed, 0])[:, None], seed)
    measures = {name: measure for name, measure in statistics.measures.items() if name not in incomparable}
    return group_results(("overall",), [len(statistics.values)], values, draws, measures)[0]


def _incomparable(signatures: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    found = {}
    for name in SCORES:
        kinds = {own[name] for own in signatures.values()}
        if len(kinds) > 1:
            found[name] = f"It is counted in {len(kinds)} ways for {', '.join(signatures)}, so there is no value of all rows together and no gap."
    return found


def _one_signature(signatures: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Of each metric, with the languages before it where they differ."""
    found = {}
    for name in SCORES:
        kinds: dict[str, list[str]] = {}
        for language, own in signatures.items():
            kinds.setdefault(own[name], []).append(language)
        found[name] = next(iter(kinds)) if len(kinds) == 1 else "; ".join(f"{', '.join(languages)}: {kind}" for kind, languages in kinds.items())
    return found


def _spread(check: Check, member: np.ndarray, rows: int) -> Check:
    """A check of some rows as one of all."""
    applies, failed = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    applies[member], failed[member] = check.applies, check.failed
    return Check(applies, failed)
