"""A table without predictions gets them from a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from audit.columns import AuditColumns
from audit.table import AuditTable
from models.errors import InputError
from models.progress import Progress, no_progress, part_of
from models.text import check_text

if TYPE_CHECKING:
    from models.classifier import Classifier
    from models.translator import Translator

PREDICTION, HYPOTHESIS = "prediction", "hypothesis"


def complete_table(
    table: AuditTable, columns: AuditColumns, model: Classifier | Translator, *, progress: Progress = no_progress
) -> tuple[AuditTable, AuditColumns]:
    """The table with what the model says of each row, and the columns with its place; raises as `predict_table` and `translate_table` do."""
    from models.classifier import Classifier

    if isinstance(model, Classifier):
        return predict_table(table, columns, model, progress=progress), replace(columns, prediction=PREDICTION)
    return translate_table(table, columns, model, progress=progress), replace(columns, prediction=HYPOTHESIS)


def predict_table(table: AuditTable, columns: AuditColumns, model: Classifier, *, progress: Progress = no_progress) -> AuditTable:
    """The table with the columns prediction and p_<label>, as `python -m models predict` writes them; empty where a text cannot be used.

    Raises:
        InputError: The table lacks the column of texts, or has one that would be added.
        Cancelled: `progress` asked to stop.
    """
    texts = table.texts(columns.text).to_pylist()
    names = [PREDICTION, *(f"p_{label}" for label in model.labels)]
    table.with_columns(dict.fromkeys(names, [""] * len(texts)))  # what is taken is found before the work
    found = model.predict_rows(texts, progress=progress)
    cells: dict[str, list[str]] = {PREDICTION: ["" if said is None else said.label for said in found]}
    for label in model.labels:
        cells[f"p_{label}"] = ["" if said is None else repr(said.probabilities[label]) for said in found]
    return table.with_columns(cells)


def translate_table(table: AuditTable, columns: AuditColumns, model: Translator, *, progress: Progress = no_progress) -> AuditTable:
    """The table with the column hypothesis, by the model's default search; empty where a source cannot be used.

    Raises:
        InputError: A column is missing, or the model does not translate between the languages of a row.
        Cancelled: `progress` asked to stop.
    """
    from models.decoding import DecodingConfig

    sources = table.texts(columns.text).to_pylist()
    table.with_columns({HYPOTHESIS: [""] * len(sources)})  # as above
    languages = list(zip(*(table.texts(name).to_pylist() for name in (columns.source_language, columns.target_language)), strict=True))
    usable = [number for number, source in enumerate(sources) if _is_usable(source)]
    found, done = [""] * len(sources), 0
    for pair in dict.fromkeys(languages[number] for number in usable):
        numbers = [number for number in usable if languages[number] == pair]
        for number, said in zip(numbers, model.translate([sources[number] for number in numbers], *pair, decoding=DecodingConfig.best(),
                                                           progress=part_of(progress, done, len(usable))),
                                strict=True):
            found[number] = said.hypothesis
        done += len(numbers)
    return table.with_columns({HYPOTHESIS: found})


def describe_model(model: Classifier | Translator) -> Mapping[str, str]:
    """Name and fingerprint, as they stand in a report's signature."""
    return {"name": model.name, "fingerprint": model.fingerprint}


def _is_usable(text: str) -> bool:
    try:
        check_text(text)
    except InputError:
        return False
    return True
