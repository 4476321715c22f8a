"""How a classifier does in each culture of a labelled set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.probe import LABELS, ProbeSentence
from models.errors import InputError
from models.metrics import GroupMetrics, measure_group, measure_groups
from models.progress import Progress, no_progress

if TYPE_CHECKING:
    from models.classifier import Classifier


@dataclass(frozen=True)
class Phenomenon:
    """How often sentences with a phenomenon are taken wrongly.

    Attributes:
        name: The tag, e.g. irony.
        count, errors: Sentences with it, and how many of them are predicted wrongly.
    """

    name: str
    count: int
    errors: int


@dataclass(frozen=True)
class CultureReport:
    """Metrics overall, by culture, and errors by phenomenon.

    Attributes:
        classes: Label names in the order of the confusion counts, negative first and positive last, as the flip rate needs them.
        overall: All sentences together.
        by_culture: One entry a culture, sorted by its tag.
        phenomena: Errors by phenomenon in each culture, most wrong first; the key "" holds all cultures.
    """

    classes: tuple[str, ...]
    overall: GroupMetrics
    by_culture: tuple[GroupMetrics, ...]
    phenomena: dict[str, tuple[Phenomenon, ...]]

    def culture(self, name: str) -> GroupMetrics | None:
        """The entry of one culture, or None."""
        return next((group for group in self.by_culture if group.group == name), None)

    def rank(self, name: str) -> int:
        """Place of a culture by macro-F1, 1 for the best."""
        own = self.culture(name)
        if own is None:
            raise InputError(f"{name} is not measured; measured are {', '.join(group.group for group in self.by_culture)}.")
        value = own.metrics["macro_f1"].value
        return 1 + sum(group.metrics["macro_f1"].value > value for group in self.by_culture)


def measure_cultures(
    model: Classifier, sentences: Sequence[ProbeSentence], *, seed: int = 1, progress: Progress = no_progress
) -> CultureReport:
    """Predicts every sentence and counts.

    Raises:
        InputError: The labels of the model are not those of the sentences.
        Cancelled: `progress` asked to stop.
    """
    if {label.lower() for label in model.labels} != set(LABELS):
        raise InputError(f"{model.name} has the labels {', '.join(model.labels)}, the sentences {', '.join(LABELS)}; give a model with these.")
    predictions = [prediction.label.lower() for prediction in model.predict([s.text for s in sentences], progress=progress)]
    labels = [sentence.label for sentence in sentences]
    groups = measure_groups([s.culture for s in sentences], labels, predictions, LABELS, seed=seed)
    overall = measure_group("overall", labels, predictions, LABELS, seed=seed)
    cultures = ("", *(group.group for group in groups))
    return CultureReport(LABELS, overall, tuple(groups), {name: _phenomena(sentences, predictions, name) for name in cultures})


def _phenomena(sentences: Sequence[ProbeSentence], predictions: Sequence[str], culture: str) -> tuple[Phenomenon, ...]:
    counts: dict[str, list[int]] = {}
    for sentence, prediction in zip(sentences, predictions, strict=True):
        if culture in ("", sentence.culture):
            for name in sentence.phenomena:
                seen = counts.setdefault(name, [0, 0])
                seen[0] += 1
                seen[1] += prediction != sentence.label
    found = [Phenomenon(name, count, errors) for name, (count, errors) in counts.items()]
    return tuple(sorted(found, key=lambda item: (-item.errors / item.count, item.name)))
