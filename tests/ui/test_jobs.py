"""The job runner: progress, cancel, sharing, refusals and what is left of a job afterwards."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from models.errors import BusyError, InputError
from ui import jobs
from ui.jobs import MAX_OWN, MAX_WAITING, Job, JobRunner

Make = Callable[[], Any]
Until = Callable[[Callable[[], object]], None]


def test_a_job_ends_with_its_result(runner: JobRunner, until: Until) -> None:
    job = runner.submit("k", "method-shap", "ann", lambda progress: progress(3, 4) or {"answer": 42})
    until(lambda: job.finished)
    assert (job.state, job.done, job.total, job.error) == ("done", 3, 4, "")
    assert runner.result("k") == {"answer": 42}
    assert runner.result("other") is None
    assert runner.job("k") is job


def test_progress_and_open_jobs_can_be_watched(runner: JobRunner, gates: Make, until: Until) -> None:
    gate = gates()
    job = runner.submit("k", "method-shap", "ann", gate)
    until(lambda: job.done > 3)
    assert (job.state, job.total) == ("running", 100_000)
    assert runner.counts("ann") == (1, 1)
    assert runner.counts("bob") == (0, 1)
    gate.open.set()
    until(lambda: job.finished)
    assert runner.counts("ann") == (0, 0)


def test_time_left_is_told_from_the_pace_so_far() -> None:
    job = Job("k", "method-shap", {"ann"}, state="running", done=25, total=100, started=time.monotonic() - 10)
    assert job.seconds_left() == pytest.approx(30, abs=0.5)
    job.done = 100
    assert job.seconds_left() == pytest.approx(0)
    for change in ({"done": 0}, {"total": 0}, {"state": "waiting"}, {"state": "done"}):
        other = Job("k", "t", {"ann"}, **{"state": "running", "done": 25, "total": 100, **change})  # type: ignore[arg-type]
        assert other.seconds_left() is None, change


def test_cancel_stops_at_the_next_mini_batch(runner: JobRunner, until: Until) -> None:
    batches, started, go_on = [], threading.Event(), threading.Event()

    def work(progress: Callable[[int, int], None]) -> str:
        for number in range(1, 50):
            batches.append(number)
            started.set()
            assert go_on.wait(20)
            progress(number, 50)
        return "never"

    job = runner.submit("k", "method-lime", "ann", work)
    assert started.wait(20)
    runner.cancel("ann")
    go_on.set()
    until(lambda: job.finished)
    assert job.state == "cancelled"
    assert batches == [1], "the batch in work ends, the next one does not begin"
    assert runner.result("k") is None
    assert runner.counts("ann") == (0, 0)


def test_a_waiting_job_that_is_cancelled_never_starts(runner: JobRunner, gates: Make, until: Until) -> None:
    blocking = [gates(), gates()]
    for number, gate in enumerate(blocking):
        runner.submit(f"b{number}", "t", "bob", gate)
        assert gate.running.wait(20)
    began: list[int] = []
    job = runner.submit("k", "t", "ann", lambda progress: began.append(1))
    assert job.state == "waiting"
    runner.cancel("ann", ["k"])
    for gate in blocking:
        gate.open.set()
    until(lambda: job.finished)
    assert (job.state, began) == ("cancelled", [])


def test_cancel_of_named_keys_leaves_the_others(runner: JobRunner, gates: Make, until: Until) -> None:
    first, second = runner.submit("a", "t", "ann", gates()), runner.submit("b", "t", "ann", gates())
    runner.cancel("ann", ["a"])
    until(lambda: first.finished)
    assert first.state == "cancelled"
    assert not second.cancel.is_set()
    runner.cancel("bob")
    assert not second.cancel.is_set(), "nobody cancels the jobs of others"


def test_equal_keys_are_computed_once_for_all(runner: JobRunner, gates: Make, until: Until) -> None:
    gate, again = gates(), gates()
    first = runner.submit("k", "t", "ann", gate)
    assert gate.running.wait(20)
    second = runner.submit("k", "t", "bob", again)
    assert first is second
    assert first.owners == {"ann", "bob"}
    runner.cancel("ann")
    assert not first.cancel.is_set(), "bob still waits for it"
    gate.open.set()
    until(lambda: first.finished)
    assert (first.state, runner.result("k")) == ("done", "done")
    assert not again.running.is_set()


def test_the_last_owner_cancels_a_shared_job(runner: JobRunner, gates: Make, until: Until) -> None:
    job = runner.submit("k", "t", "ann", gates())
    runner.submit("k", "t", "bob", gates())
    for owner in ("ann", "bob"):
        runner.cancel(owner)
    until(lambda: job.finished)
    assert job.state == "cancelled"


def test_a_failed_job_keeps_its_sentence_and_can_be_asked_again(runner: JobRunner, until: Until) -> None:
    def fail(progress: Callable[[int, int], None]) -> None:
        raise InputError("The text is empty; type one.", key="text-empty")

    job = runner.submit("k", "t", "ann", fail)
    until(lambda: job.finished)
    assert (job.state, job.error) == ("failed", "The text is empty; type one.")
    again = runner.submit("k", "t", "ann", lambda progress: "better")
    until(lambda: again.finished)
    assert again is not job
    assert runner.result("k") == "better"


def test_an_unknown_error_goes_to_the_log_and_not_to_the_reader(runner: JobRunner, until: Until, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="culturelens.jobs"):
        job = runner.submit("k", "method-shap", "ann", lambda progress: {}["secret"])
        until(lambda: job.finished)
    assert (job.state, job.error) == ("failed", "")
    (record,) = [record for record in caplog.records if record.name == "culturelens.jobs"]
    assert "method-shap" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is KeyError


def test_one_visitor_cannot_take_the_whole_queue(runner: JobRunner, gates: Make) -> None:
    for number in range(MAX_OWN):
        runner.submit(f"a{number}", "t", "ann", gates())
    with pytest.raises(BusyError, match=f"The server is busy: {MAX_OWN} jobs are ahead; try again") as refused:
        runner.submit("one more", "t", "ann", gates())
    assert refused.value.key == "busy-queue"
    assert runner.job("one more") is None
    assert runner.submit("b", "t", "bob", gates()).owners == {"bob"}
    assert runner.submit("a0", "t", "ann", gates()).key == "a0", "what is queued already is no new job"


def test_a_full_queue_refuses_everybody(runner: JobRunner, gates: Make, until: Until) -> None:
    made = [runner.submit(f"k{number}", "t", f"visitor {number}", gates()) for number in range(MAX_WAITING)]
    with pytest.raises(BusyError, match=f"{MAX_WAITING} jobs are ahead"):
        runner.submit("k", "t", "late", gates())
    runner.cancel("visitor 0")
    until(lambda: made[0].finished)
    assert runner.submit("k", "t", "late", gates()).state in ("waiting", "running")


def test_a_long_job_does_not_hold_up_what_another_visitor_remembers(runner: JobRunner, gates: Make) -> None:
    for number in range(4):
        runner.submit(f"long{number}", "t", "ann", gates())
    inside, go_on = threading.Event(), threading.Event()
    slow = threading.Thread(target=runner.remember, args=("slow", lambda: inside.set() or go_on.wait(20)), daemon=True)
    slow.start()
    assert inside.wait(20)
    answers: list[Any] = []
    quick = threading.Thread(target=lambda: answers.append(runner.remember("quick", lambda: "answer")), daemon=True)
    quick.start()
    quick.join(10)
    assert answers == ["answer"], "neither a job nor another visitor's computation may block this"
    assert runner.result("slow") is None
    go_on.set()
    slow.join(20)
    assert runner.result("slow") is True


def test_what_is_remembered_is_computed_once(runner: JobRunner) -> None:
    computed: list[int] = []
    for _ in range(3):
        assert runner.remember("k", lambda: computed.append(1) or "answer") == "answer"
    assert computed == [1]


def test_a_job_that_nobody_watches_ends_itself(runner: JobRunner, gates: Make, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ABANDONED_SECONDS", 0.3)
    left, watched = runner.submit("left", "t", "ann", gates()), runner.submit("watched", "t", "bob", gates())
    end = time.monotonic() + 20
    while not left.finished:
        assert runner.job("watched") is watched
        assert time.monotonic() < end
        time.sleep(0.005)
    assert left.state == "cancelled"
    assert not watched.finished


def test_finished_jobs_are_forgotten_but_not_their_results(runner: JobRunner, until: Until) -> None:
    good = runner.submit("good", "t", "ann", lambda progress: "kept")
    until(lambda: good.finished)
    good.seen -= jobs.ABANDONED_SECONDS + 1
    runner.submit("next", "t", "ann", lambda progress: "x")
    assert runner.job("good") is None
    assert runner.result("good") == "kept"


def test_forgetting_failed_jobs_leaves_the_rest(runner: JobRunner, gates: Make, until: Until) -> None:
    failed, good = runner.submit("failed", "t", "ann", lambda progress: {}[1]), runner.submit("good", "t", "ann", lambda progress: 1)
    until(lambda: failed.finished and good.finished)
    running = runner.submit("running", "t", "ann", gates())
    runner.forget_failed()
    assert runner.job("failed") is None
    assert runner.job("good") is good
    assert runner.job("running") is running


def test_old_results_make_room(runner: JobRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT_RESULTS", 2)
    for key in ("a", "b"):
        runner.remember(key, lambda key=key: key)
    assert runner.result("a") == "a"  # used last, so b goes
    runner.remember("c", lambda: "c")
    assert [runner.result(key) for key in ("a", "b", "c")] == ["a", None, "c"]
