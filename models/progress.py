"""How long work reports its progress, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[int, int], None]
"""Called with (done, total) in evaluations or steps; raises `Cancelled` to stop the work."""


def no_progress(done: int, total: int) -> None:
    """Ignore a progress report; the default where nobody watches."""
