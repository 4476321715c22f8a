"""For whom a model fails: metrics by culture and phenomenon, with intervals."""

from audit.cultures import CultureReport, measure_cultures
from audit.probe import ProbeSentence, read_probe

__all__ = ["CultureReport", "ProbeSentence", "measure_cultures", "read_probe"]
