"""For whom a model fails: metrics by culture and phenomenon, with intervals. The stub beside it says what is here."""

from importlib import import_module
from typing import Any

_HOMES = {"AuditColumns": "columns", "AuditConfig": "report", "AuditReport": "report", "AuditResult": "run", "AuditTable": "table", "CultureReport": "cultures",
          "ProbeSentence": "probe", "TranslationReport": "translation_cultures", "TranslationSentence": "translation_probe", "audit_predictions": "predictions",
          "measure_cultures": "cultures", "measure_translation_cultures": "translation_cultures", "parse_audit_table": "table", "read_audit_table": "table",
          "read_probe": "probe", "read_translation_probe": "translation_probe", "run_audit": "run"}


def __getattr__(name: str) -> Any:  # lazily, so that the first page does not wait for what only audits need
    if name not in _HOMES:
        raise AttributeError(f"module 'audit' has no attribute {name!r}")
    return getattr(import_module(f"audit.{_HOMES[name]}"), name)
