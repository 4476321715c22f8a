"""For whom a model fails: metrics by culture and phenomenon, with intervals."""

from audit.columns import AuditColumns
from audit.cultures import CultureReport, measure_cultures
from audit.predictions import audit_predictions
from audit.probe import ProbeSentence, read_probe
from audit.report import AuditConfig, AuditReport
from audit.run import AuditResult, run_audit
from audit.table import AuditTable, parse_audit_table, read_audit_table
from audit.translation_cultures import TranslationReport, measure_translation_cultures
from audit.translation_probe import TranslationSentence, read_translation_probe

__all__ = ["AuditColumns", "AuditConfig", "AuditReport", "AuditResult", "AuditTable", "CultureReport", "ProbeSentence", "TranslationReport",
           "TranslationSentence", "audit_predictions", "measure_cultures", "measure_translation_cultures", "parse_audit_table", "read_audit_table",
           "read_probe", "read_translation_probe", "run_audit"]
