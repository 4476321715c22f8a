"""What a progress report promises: rising numbers that end at the total, and a stop that passes through."""

from __future__ import annotations

import itertools

import pytest

from models.classifier import Classifier
from models.errors import Cancelled
from models.progress import no_progress
from tests.conftest import TEXTS


def test_nobody_watching_changes_no_number(tiny_bert: Classifier) -> None:
    reports: list[tuple[int, int]] = []
    watched = tiny_bert.predict(TEXTS, progress=lambda done, total: reports.append((done, total)))
    assert watched == tiny_bert.predict(TEXTS, progress=no_progress) == tiny_bert.predict(TEXTS)
    assert reports[-1] == (len(TEXTS), len(TEXTS))
    assert all(before[0] < after[0] for before, after in itertools.pairwise(reports))


def test_a_stop_passes_through_and_leaves_the_lock_free(tiny_bert: Classifier) -> None:
    before = tiny_bert.predict(TEXTS[:2])

    def stop(done: int, total: int) -> None:
        raise Cancelled("Stopped by the reader.")

    with pytest.raises(Cancelled, match="Stopped by the reader"):
        tiny_bert.predict(TEXTS, progress=stop)
    assert tiny_bert.lock.acquire(blocking=False)
    tiny_bert.lock.release()
    assert tiny_bert.predict(TEXTS[:2]) == before
