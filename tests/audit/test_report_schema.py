"""report.json against its published schema: every kind of report fits, and what is broken does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from audit.columns import AuditColumns
from audit.report import AuditConfig
from audit.run import run_audit
from tests.audit.test_audit_translations import COLUMNS, CONFIG, ROWS
from tests.audit.test_audit_translations import table as pairs_of
from tests.audit.test_predictions import rows_of, table_of

SCHEMA = Path(__file__).parents[2] / "docs" / "report.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def plain(content: dict[str, Any]) -> dict[str, Any]:
    """As it is read back."""
    found: dict[str, Any] = json.loads(json.dumps(content))
    return found


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return plain(run_audit(table_of(rows_of({"fr": 0.2})), "sentiment", AuditColumns(item="id"), AuditConfig(resamples=200)).to_json_dict())


def test_reports_of_both_tasks_fit(validator: Draft202012Validator, report: dict[str, Any]) -> None:
    validator.validate(report)
    assert report["mcnemar"] and "gaps" in report["adjusted"]
    validator.validate(plain(run_audit(pairs_of(ROWS), "translation", COLUMNS, CONFIG).to_json_dict()))
    one_group = [{**row, "culture": "all"} for row in rows_of({}, confident=False)]
    validator.validate(plain(run_audit(table_of(one_group), "sentiment", AuditColumns(), AuditConfig(resamples=200)).to_json_dict()))


@pytest.mark.parametrize(("path", "value"), [
    (("schema_version",), 2), (("gaps", "macro_f1", "verdict"), "maybe"), (("overall", "metrics", "accuracy"), 50.0), (("signature", "data_sha256"), "abc"),
    (("by_culture", 0, "count"), -1), (("gaps", "accuracy", "p_value"), 1.5),
])
def test_what_is_broken_does_not_fit(validator: Draft202012Validator, report: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    broken = copy.deepcopy(report)
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not validator.is_valid(broken)
