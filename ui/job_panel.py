"""A part of a page that is computed by the job runner: progress with time left and a cancel button, then the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from models.errors import BusyError
from models.progress import Progress
from ui import state
from ui.caches import job_runner
from ui.errors import sentence, show_error, shown_errors
from ui.jobs import Job
from ui.texts import text

POLL_SECONDS = 1.0


def show_result(key: str, title: str, work: Callable[[Progress], Any], draw: Callable[[Any], None]) -> None:
    """Draws what the runner keeps under a key and has it computed where there is nothing yet.

    Args:
        key: SHA-256 of what is computed; also names the widgets.
        title: Key of the text that names the job.
        work: Computes the result; is given a progress callback.
        draw: Draws it.
    """
    runner = job_runner()
    if runner.result(key) is None and not _given_up(runner.job(key)):
        try:
            runner.submit(key, title, state.visitor(), work)
        except BusyError as error:
            show_error(error)
            return
    waiting = runner.result(key) is None and not _given_up(runner.job(key))
    st.fragment(_panel, run_every=POLL_SECONDS if waiting else None)(key, draw, waiting)


def show_job(job: Job | None) -> None:
    """How far a job is, or why it ended without a result."""
    if job is None or job.state == "cancelled" or (job.cancel.is_set() and job.state != "failed"):
        st.caption(text("job-cancelled"))
    elif job.state == "failed":
        st.caption(f":material/error: {text('job-failed')}")
        st.text(sentence(job.error, job.error_key))
    elif job.state == "waiting":
        st.caption(text("job-waiting"))
    else:
        left = job.seconds_left()
        share = min(1.0, job.done / job.total) if job.total else 0.0
        st.progress(share, text=text("job-running", done=job.done, total=job.total, left="…" if left is None else f"{left:.0f}"))


def _panel(key: str, draw: Callable[[Any], None], waiting: bool) -> None:
    runner = job_runner()
    result, job = runner.result(key), runner.job(key)
    ended = result is not None or _given_up(job)
    if (waiting and ended) or (result is None and (job is None or job.state == "done")):
        st.rerun()  # leaves the polling, or asks anew for what is no longer kept
    if result is not None:
        with shown_errors():
            draw(result)
        return
    show_job(job)
    if ended:
        st.button(text("job-again"), key=f"again-{key[:16]}", on_click=runner.forget_failed, icon=":material/refresh:")
    else:
        st.button(text("why-cancel"), key=f"cancel-{key[:16]}", on_click=runner.cancel, args=(state.visitor(), [key]), icon=":material/close:")


def _given_up(job: Job | None) -> bool:
    return job is not None and (job.state in ("failed", "cancelled") or job.cancel.is_set())
