"""A job runner of its own for each test, with its threads ended afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ui.jobs import JobRunner


class Gate:
    """Work that reports progress and waits for permission after each step."""

    def __init__(self) -> None:
        self.steps = 0
        self.running = threading.Event()
        self.open = threading.Event()

    def __call__(self, progress: Callable[[int, int], None]) -> str:
        self.running.set()
        while not self.open.wait(0.005):
            self.steps += 1
            progress(self.steps, 100_000)
        return "done"


@pytest.fixture(autouse=True)
def visitors(packages_are_read_once: None) -> None:
    """AppTest's visitors do not wait for the installed packages."""


@pytest.fixture
def gates() -> Iterator[Callable[[], Gate]]:
    """Makes gates; all of them are opened at the end."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate())
        return made[-1]

    yield make
    for gate in made:
        gate.open.set()


@pytest.fixture
def runner(gates: Callable[[], Gate]) -> Iterator[JobRunner]:
    """A runner of two threads."""
    made = JobRunner(workers=2)
    yield made
    for job in made._jobs.values():
        job.cancel.set()
    made._pool.shutdown(wait=False, cancel_futures=True)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Waits until something holds; fails after twenty seconds."""

    def wait(holds: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end, "it did not happen within twenty seconds"
            time.sleep(0.005)

    return wait
