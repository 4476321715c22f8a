"""The audit of a table of translations: metrics by culture, their gaps, and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from audit.columns import AuditColumns, GroupedRows
from audit.gaps import find_gaps
from audit.predictions import find_items
from audit.report import AuditConfig, AuditReport, compare_pairs, sign
from audit.table import AuditTable
from audit.translation_errors import Translations
from audit.translation_rows import TranslationRows, measure_translation_rows
from models.progress import Progress, no_progress

NOT_ADJUSTED = "Translations have no classes; compare groups with one source language and the same content."


def needed_columns(columns: AuditColumns) -> tuple[str, ...]:
    """Columns that a row must have to be measured."""
    return (columns.text, columns.label, columns.prediction, columns.source_language, columns.target_language)


def report_translations(
    table: AuditTable, rows: GroupedRows, columns: AuditColumns, config: AuditConfig, *, model: Mapping[str, str] | None = None,
    progress: Progress = no_progress,
) -> tuple[AuditReport, TranslationRows]:
    """The report of rows with source, hypothesis and reference, and what was found in each row.

    Raises:
        InputError: A language is no tag, or a group is translated into languages whose words are counted differently.
        ConfigError: A budget names a metric that there is not.
        Cancelled: `progress` asked to stop.
    """
    texts = Translations(**{field: [cell.strip() for cell in table.texts(name).to_pylist()] for field, name in (
        ("sources", columns.text), ("hypotheses", columns.prediction), ("references", columns.label), ("source_languages", columns.source_language),
        ("target_languages", columns.target_language))})
    parallel = find_items(table, rows, columns)
    found = measure_translation_rows(rows.groups, texts, rows.names, parallel=parallel, resamples=config.resamples, seed=config.seed, progress=progress)
    config.check_budgets(list(found.measures))
    compared = found.measured(config)
    return AuditReport(
        "translation", (), found.overall, found.by_group, find_gaps(compared), compare_pairs(compared), NOT_ADJUSTED, [], rows.left_out, rows.small,
        len(parallel.items) if parallel else None, {**sign(table, columns, config, model=model, metrics=found.signatures), "incomparable": found.incomparable,
                                                    "target_languages": list(found.target_languages)},
    ), found


def failed_checks(found: TranslationRows) -> list[str]:
    """Names of the checks that each row fails, joined by "|" (rows,)."""
    flags = np.stack([check.failed for check in found.checks.values()], axis=1)
    names = list(found.checks)
    return ["|".join(name for name, flag in zip(names, row, strict=True) if flag) for row in flags.tolist()]
