"""One bounded runner for everything over a second: progress, time left, cancel, and results kept by their key."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from models.errors import BusyError, Cancelled, CultureLensError
from models.progress import Progress

WORKERS = 2
MAX_WAITING = 32  # jobs of all visitors together
MAX_OWN = 12  # jobs of one visitor
KEPT_RESULTS = 512
ABANDONED_SECONDS = 90.0  # browsers slow the timers of hidden tabs, so a shorter silence proves nothing
LOG = logging.getLogger("culturelens.jobs")


@dataclass
class Job:
    """One piece of work.

    Attributes:
        key: SHA-256 of what is computed.
        title: Key of the text that names it.
        owners: Visitors who wait for it.
        state: waiting, running, done, failed or cancelled.
        done, total: Progress in evaluations.
        error: One sentence, when failed; error_key: its name in the catalogues, or "".
    """

    key: str
    title: str
    owners: set[str]
    state: str = "waiting"
    done: int = 0
    total: int = 0
    error: str = ""
    error_key: str = ""
    started: float = 0.0
    seen: float = field(default_factory=time.monotonic)
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, or None while it is too early to tell."""
        if self.state != "running" or self.done <= 0 or self.total <= 0:
            return None
        spent = time.monotonic() - self.started
        return spent / self.done * max(0, self.total - self.done)


class JobRunner:
    """Runs jobs on a few threads and keeps their results; equal keys are computed once for all visitors."""

    def __init__(self, workers: int = WORKERS) -> None:
        """Starts the threads."""
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._results: OrderedDict[str, Any] = OrderedDict()

    def result(self, key: str) -> Any | None:
        """The kept result of a key, or None."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key]

    def remember(self, key: str, compute: Callable[[], Any]) -> Any:
        """The kept result of a key, computed here and now where there is none; for work under a second."""
        kept = self.result(key)
        if kept is None:
            kept = compute()
            with self._lock:
                self._keep(key, kept)
        return kept

    def job(self, key: str) -> Job | None:
        """The job of a key, marked as watched."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                job.seen = time.monotonic()
            return job

    def submit(self, key: str, title: str, owner: str, work: Callable[[Progress], Any]) -> Job:
        """Queues work unless it is queued already; a failed or cancelled job is started anew.

        Raises:
            BusyError: Too many jobs wait.
        """
        with self._lock:
            self._forget_old()
            job = self._jobs.get(key)
            if job is not None and not job.finished and not job.cancel.is_set():
                job.owners.add(owner)
                job.seen = time.monotonic()
                return job
            open_jobs = [other for other in self._jobs.values() if not other.finished]
            if len(open_jobs) >= MAX_WAITING or sum(owner in other.owners for other in open_jobs) >= MAX_OWN:
                raise BusyError(f"The server is busy: {len(open_jobs)} jobs are ahead; try again in a moment.", key="busy-queue")
            job = self._jobs[key] = Job(key, title, {owner})
        self._pool.submit(self._run, job, work)
        return job

    def cancel(self, owner: str, keys: list[str] | None = None) -> None:
        """Takes a visitor off their jobs (or off those named); a job nobody waits for stops at its next mini-batch."""
        with self._lock:
            for job in self._jobs.values():
                if owner in job.owners and not job.finished and (keys is None or job.key in keys):
                    job.owners.discard(owner)
                    if not job.owners:
                        job.cancel.set()

    def cancel_others(self, owner: str, title: str, keys: Collection[str] = ()) -> None:
        """Takes a visitor off their jobs whose title begins so, but for those named: what they have turned away from."""
        with self._lock:
            others = [job.key for job in self._jobs.values() if job.title.startswith(title) and job.key not in keys]
        self.cancel(owner, others)

    def forget_failed(self) -> None:
        """Drops jobs that failed, were cancelled or are being cancelled, so that asking again starts them anew."""
        with self._lock:
            for key in [key for key, job in self._jobs.items() if job.state in ("failed", "cancelled") or job.cancel.is_set()]:
                del self._jobs[key]

    def forget(self, key: str) -> None:
        """Drops the kept result of a key, so that asking again computes it anew."""
        with self._lock:
            self._results.pop(key, None)

    def counts(self, owner: str) -> tuple[int, int]:
        """Open jobs of a visitor and of everybody."""
        with self._lock:
            open_jobs = [job for job in self._jobs.values() if not job.finished]
        return sum(owner in job.owners for job in open_jobs), len(open_jobs)

    def _run(self, job: Job, work: Callable[[Progress], Any]) -> None:
        def report(done: int, total: int) -> None:
            job.done, job.total = done, total
            if job.cancel.is_set() or time.monotonic() - job.seen > ABANDONED_SECONDS:
                raise Cancelled("The work was cancelled; press the button to start it again.", key="cancelled")

        try:
            report(0, 0)
            job.state, job.started = "running", time.monotonic()
            result = work(report)
            with self._lock:
                self._keep(job.key, result)
            job.state = "done"
        except Cancelled as error:
            job.error, job.error_key, job.state = str(error), error.key, "cancelled"
        except CultureLensError as error:
            job.error, job.error_key, job.state = str(error), error.key, "failed"
        except Exception:
            LOG.exception("job %s failed", job.title)
            job.error, job.state = "", "failed"

    def _keep(self, key: str, result: Any) -> None:
        self._results[key] = result
        while len(self._results) > KEPT_RESULTS:
            self._results.popitem(last=False)

    def _forget_old(self) -> None:
        """Drops finished jobs nobody looked at for a while."""
        now = time.monotonic()
        for key in [key for key, job in self._jobs.items() if job.finished and now - job.seen > ABANDONED_SECONDS]:
            del self._jobs[key]
