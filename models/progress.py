"""How long work reports its progress, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "no_progress", "part_of"]

Progress = Callable[[int, int], None]
"""Called with (done, total) in evaluations or steps; raises `Cancelled` to stop the work."""


def no_progress(done: int, total: int) -> None:
    """Ignore a progress report; the default where nobody watches."""


def part_of(progress: Progress, before: int, total: int) -> Progress:
    """The progress of one part of a longer work, of which `before` was done already."""
    return lambda done, _: progress(before + done, total)
