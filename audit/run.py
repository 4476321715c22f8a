"""One audit from a table to everything that is shown, saved or printed of it; the pages and the command line call the same function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as arrow

from audit.agreement import AgreementReport, measure_agreement, read_annotations
from audit.columns import AuditColumns, GroupedRows, MeasuredRows, group_rows, keep_largest, measure_rows
from audit.findings import Findings, check_features, find_errors
from audit.predicting import complete_table, describe_model
from audit.predictions import report_rows
from audit.repair import MOST_ROWS, RepairPreview, preview_repair
from audit.report import AuditConfig, AuditReport
from audit.rows import ERRORS, mark_rows
from audit.table import AuditTable
from audit.translations import failed_checks, needed_columns, report_translations
from models.errors import InputError
from models.progress import Progress, no_progress

if TYPE_CHECKING:
    from models.classifier import Classifier
    from models.translator import Translator


@dataclass(frozen=True)
class AuditResult:
    """An audit with the rows behind it.

    Attributes:
        report: The numbers.
        columns: Which column of the rows holds what.
        rows: The table, with what the model said and which group each row is in.
        findings: Where the errors are; None without a column of texts.
        repair: What two cheap repairs would change; None without probabilities or with too few rows.
        agreement: How far people agree; None without columns of annotators.
    """

    report: AuditReport
    columns: AuditColumns
    rows: arrow.Table
    findings: Findings | None
    repair: RepairPreview | None
    agreement: AgreementReport | None

    def to_json_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        parts = {"findings": self.findings, "repair": self.repair, "agreement": self.agreement}
        return {**self.report.to_json_dict(), **{name: None if part is None else part.to_json_dict() for name, part in parts.items()}}


def run_audit(
    table: AuditTable, task: str, columns: AuditColumns, config: AuditConfig, *, model: Classifier | Translator | None = None,
    progress: Progress = no_progress,
) -> AuditResult:
    """Has the model predict where one is given, measures every group, and looks for the errors.

    Args:
        table: Rows with gold labels or references.
        task: sentiment (any classification) or translation.
        columns: Which hold what.
        config: Settings.
        model: Predicts every row; None where the table brings predictions.
        progress: Told rows done.

    Raises:
        InputError: The table lacks a column or a row holds what cannot be measured.
        ConfigError: A budget names a metric that there is not.
        Cancelled: `progress` asked to stop.
    """
    check_features(columns, table)
    if model is not None:
        table, columns = complete_table(table, columns, model, progress=progress)
    described = None if model is None else describe_model(model)
    if task == "translation":
        grouped = keep_largest(group_rows(table, columns, needed_columns(columns), minimum_group=config.minimum_group), config.most_groups)
        report, found = report_translations(table, grouped, columns, config, model=described, progress=progress)
        findings = find_errors(table, grouped, found.any_failed(), columns, minimum=config.minimum_group, seed=config.seed, progress=progress)
        marked = mark_rows(table.with_columns({ERRORS: failed_checks(found)}), grouped, None)
        return AuditResult(report, columns, marked, findings, None, None)
    rows = keep_largest(measure_rows(table, columns, minimum_group=config.minimum_group), config.most_groups)
    report = report_rows(table, rows, columns, config, model=described)
    wrong = rows.labels != rows.predictions
    findings = find_errors(table, rows, wrong, columns, minimum=config.minimum_group, seed=config.seed, progress=progress)
    return AuditResult(report, columns, mark_rows(table, rows, ~wrong), findings, _repair(rows, config), _agree(table, rows, columns, config))


def _repair(rows: MeasuredRows, config: AuditConfig) -> RepairPreview | None:
    if rows.probabilities is None:
        return None
    try:
        smallest = 2 * config.minimum_group
        return preview_repair(rows, seed=config.seed, resamples=config.resamples, minimum_group=smallest, most_rows=max(MOST_ROWS, smallest))
    except InputError:  # no group is large enough for two halves
        return None


def _agree(table: AuditTable, rows: GroupedRows, columns: AuditColumns, config: AuditConfig) -> AgreementReport | None:
    if not columns.annotators:
        return None
    return measure_agreement(read_annotations(table, columns.annotators), rows.groups, rows.names, resamples=config.resamples, seed=config.seed)
