"""For whom a model fails: metrics by culture and phenomenon, with intervals."""

from audit.cultures import CultureReport, measure_cultures
from audit.predictions import AuditConfig, AuditReport, audit_predictions
from audit.probe import ProbeSentence, read_probe
from audit.translation_cultures import TranslationReport, measure_translation_cultures
from audit.translation_probe import TranslationSentence, read_translation_probe

__all__ = ["AuditConfig", "AuditReport", "CultureReport", "ProbeSentence", "TranslationReport", "TranslationSentence", "audit_predictions",
           "measure_cultures", "measure_translation_cultures", "read_probe", "read_translation_probe"]
