"""Checkpoints of the loop: what a kill, a full disk or other settings leave behind, and how a run goes on from it."""

from __future__ import annotations

import json
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.disk import replacing
from models.errors import CheckpointError, DiskError
from models.training.batches import BatchPlan
from models.training.loop import LoopConfig, TrainingLoop, read_log

Loss = Callable[[Any, np.ndarray, int], dict[str, float]]
EVERY_STEP = LoopConfig(steps=20, learning_rate=0.05, ema_decay=0.9, evaluate_every=4, save_every_seconds=-1.0)
SENTENCE = r"checkpoint belongs to a run with other settings; remove it or restore the settings\."


@pytest.fixture(scope="module", autouse=True)
def no_tensorboard() -> Iterator[None]:
    """As on a machine without tensorboard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch.utils.tensorboard", None)
        yield


def new_loop(model: Any, folder: Path, **values: Any) -> TrainingLoop:
    plan = BatchPlan(np.full(20, 5), np.ones(20), epoch_rows=20, tokens=25, seed=1)
    return TrainingLoop(model, plan, LoopConfig(**{**vars(EVERY_STEP), **values}), folder)


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().clone().flatten() for value in model.parameters()])


def score(model: Any) -> float:
    """A development score that falls and rises, so that the best look is neither the first nor the last."""
    return float(torch.sin(40 * weights(model).sum()))


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can grow beyond `room` bytes; the system's own error, as on a disk without space."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def unbroken(
    new_line: Callable[[], Any], line_loss: Loss, no_tensorboard: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[dict[str, float]], torch.Tensor, dict[str, Any]]:
    """Log, weights and result of a run that nothing interrupts."""
    model, folder = new_line(), tmp_path_factory.mktemp("unbroken")
    result = new_loop(model, folder).run(line_loss, evaluate=score)
    return read_log(folder), weights(model), result


def leave_a_half_written_checkpoint(folder: Path) -> None:
    (folder / "checkpoint.part").mkdir()
    (folder / "checkpoint.part" / "weights.safetensors").write_bytes(b"half")


def leave_it_between_the_renames(folder: Path) -> None:
    (folder / "checkpoint").rename(folder / "checkpoint.old")
    shutil.copytree(folder / "checkpoint.old", folder / "checkpoint.part")


def leave_the_older_one_undeleted(folder: Path) -> None:
    (folder / "checkpoint.old").mkdir()
    (folder / "checkpoint.old" / "state.json").write_text('{"step": 1', encoding="utf-8")


def leave_a_cut_log(folder: Path) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"step": 10, "loss": 7.0}\n{"step": 11, "lo')


def leave_nothing_strange(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["best.safetensors", "checkpoint", "log.jsonl"]


def remove_the_checkpoint(folder: Path) -> None:
    shutil.rmtree(folder / "checkpoint")


@pytest.mark.parametrize(("leave", "stop_at"), [
    (leave_a_half_written_checkpoint, 1), (leave_a_half_written_checkpoint, 9), (leave_it_between_the_renames, 12),
    (leave_the_older_one_undeleted, 13), (leave_a_cut_log, 9), (remove_the_checkpoint, 6)])
def test_resumed_is_unbroken(
    line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any, leave: Callable[[Path], None], stop_at: int
) -> None:
    new_loop(type(line)(), tmp_path / "killed").run(line_loss, evaluate=score, stop_at=stop_at)
    leave(tmp_path / "killed")
    model = type(line)()
    result = new_loop(model, tmp_path / "killed").run(line_loss, evaluate=score, resume=True)
    log, expected, whole = unbroken
    assert read_log(tmp_path / "killed") == log
    assert torch.equal(weights(model), expected)
    assert {**result, "seconds": 0} == {**whole, "seconds": 0}
    leave_nothing_strange(tmp_path / "killed")


def test_older_checkpoint_repeats_the_steps_after_it(line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any) -> None:
    folder = tmp_path / "killed"
    new_loop(type(line)(), folder).run(line_loss, evaluate=score, stop_at=6)
    shutil.copytree(folder / "checkpoint", tmp_path / "older")
    new_loop(type(line)(), folder).run(line_loss, evaluate=score, resume=True, stop_at=13)
    assert [entry["step"] for entry in read_log(folder) if "loss" in entry] == list(range(1, 14))
    shutil.rmtree(folder / "checkpoint")
    shutil.move(tmp_path / "older", folder / "checkpoint")
    model = type(line)()
    steps: list[int] = []
    new_loop(model, folder).run(line_loss, evaluate=score, resume=True, progress=lambda done, total: steps.append(done))
    assert steps == list(range(7, 21))
    assert read_log(folder) == unbroken[0]
    assert torch.equal(weights(model), unbroken[1])


def test_checkpoint_of_the_second_kill_is_kept_until_the_next_is_in_place(
    line: Any, line_loss: Loss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the renames, resumed, and killed there again: one whole checkpoint must be left."""
    new_loop(line, tmp_path).run(line_loss, stop_at=5)
    leave_it_between_the_renames(tmp_path)
    places: list[bool] = []

    def watched(source: Any, target: Any) -> None:
        if Path(target).name == "checkpoint":
            places.append(any((tmp_path / name / "state.json").is_file() for name in ("checkpoint", "checkpoint.old")))
        Path(source).rename(target)

    monkeypatch.setattr("os.replace", watched)
    new_loop(line, tmp_path).run(line_loss, resume=True, stop_at=8)
    assert places == [True] * 3


def test_log_that_somebody_removed_starts_at_the_next_step(line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any) -> None:
    new_loop(type(line)(), tmp_path).run(line_loss, evaluate=score, stop_at=16)
    (tmp_path / "log.jsonl").unlink()
    new_loop(line, tmp_path).run(line_loss, evaluate=score, resume=True)
    assert read_log(tmp_path) == unbroken[0][-5:]  # steps 17 to 20 and the look after the last
    assert torch.equal(weights(line), unbroken[1])


def test_seconds_before_a_kill_count(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    new_loop(type(line)(), tmp_path).run(line_loss, evaluate=score, stop_at=16)
    path = tmp_path / "checkpoint" / "state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    assert 0 < state["seconds"] < 60
    path.write_text(json.dumps({**state, "seconds": 7_200.0}), encoding="utf-8")
    assert 7_200 < new_loop(line, tmp_path).run(line_loss, evaluate=score, resume=True)["seconds"] < 7_260


def test_finished_run_takes_no_more_steps(line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any) -> None:
    new_loop(type(line)(), tmp_path, save_every_seconds=1e9).run(line_loss, evaluate=score)
    steps: list[int] = []
    result = new_loop(line, tmp_path).run(line_loss, evaluate=score, resume=True, progress=lambda done, total: steps.append(done))
    assert steps == []
    assert {**result, "seconds": 0} == {**unbroken[2], "seconds": 0}
    assert torch.equal(weights(line), unbroken[1])
    assert read_log(tmp_path) == unbroken[0]


def test_run_that_stopped_early_stays_stopped(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    falling = iter((5.0, 4.0, 3.0, 99.0))
    first = new_loop(line, tmp_path, patience=2).run(line_loss, evaluate=lambda model: next(falling))
    model = type(line)()
    again = new_loop(model, tmp_path, patience=2).run(line_loss, evaluate=lambda model: next(falling), resume=True)
    assert (first["steps"], first["best"], first["stopped_early"]) == (12, 5.0, True)
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert torch.equal(weights(model), weights(line))


@pytest.mark.parametrize("changed", [{"steps": 21}, {"learning_rate": 0.04}, {"seed": 2}, {"batch_tokens": 64}, {"ema_decay": 0.0}])
def test_checkpoint_of_other_settings_is_refused(line: Any, line_loss: Loss, tmp_path: Path, changed: dict[str, Any]) -> None:
    new_loop(line, tmp_path).run(line_loss, stop_at=3)
    with pytest.raises(CheckpointError, match=SENTENCE):
        new_loop(line, tmp_path, **changed).run(line_loss, resume=True)
    assert json.loads((tmp_path / "checkpoint" / "state.json").read_text(encoding="utf-8"))["step"] == 3


def test_checkpoint_of_another_model_is_refused(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    new_loop(line, tmp_path).run(line_loss, stop_at=3)
    line.matrix.requires_grad_(False)
    with pytest.raises(CheckpointError, match=SENTENCE):
        new_loop(line, tmp_path).run(line_loss, resume=True)


def test_saving_more_often_is_no_other_setting(line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any) -> None:
    new_loop(type(line)(), tmp_path / "a").run(line_loss, evaluate=score, stop_at=3)
    model = type(line)()
    new_loop(model, tmp_path / "a", save_every_seconds=1e9).run(line_loss, evaluate=score, resume=True)
    assert torch.equal(weights(model), unbroken[1])


def test_starting_anew_forgets_the_earlier_run(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    new_loop(line, tmp_path).run(line_loss)
    # A new run is killed before its first checkpoint; going on must not take up the earlier, finished one.
    new_loop(type(line)(), tmp_path, save_every_seconds=1e9).run(line_loss, stop_at=4)
    assert [entry["step"] for entry in read_log(tmp_path)] == [1, 2, 3, 4]
    steps: list[int] = []
    new_loop(type(line)(), tmp_path).run(line_loss, resume=True, progress=lambda done, total: steps.append(done))
    assert steps == list(range(1, 21))


@pytest.mark.parametrize("room", [0, 100, 330])
def test_full_disk_is_an_error_of_ours_and_leaves_the_checkpoint(
    line: Any, line_loss: Loss, tmp_path: Path, unbroken: Any, room: int
) -> None:
    """Rooms in which no file of a checkpoint has a place, and one in which only the weights have."""
    folder = tmp_path / "full"
    stopped = new_loop(type(line)(), folder)
    stopped.run(line_loss, evaluate=score, stop_at=6)
    before = {path.name: path.read_bytes() for path in (folder / "checkpoint").iterdir()}
    stopped.step = 7
    with full_disk(room), pytest.raises(DiskError, match=r"could not be written .*; free some space and run again with --resume"):
        stopped._save()
    assert {path.name: path.read_bytes() for path in (folder / "checkpoint").iterdir()} == before
    assert not (folder / "checkpoint.part").exists()
    model = type(line)()
    new_loop(model, folder).run(line_loss, evaluate=score, resume=True)
    assert torch.equal(weights(model), unbroken[1])


def test_full_disk_while_the_best_are_written(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    run = new_loop(line, tmp_path)
    run.run(line_loss, evaluate=score, stop_at=4)
    best = (tmp_path / "best.safetensors").read_bytes()
    with full_disk(50), pytest.raises(DiskError, match=r"best\.safetensors could not be written"):
        run._evaluate(lambda model: 2.0)
    assert (tmp_path / "best.safetensors").read_bytes() == best
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_fault_of_the_disk_is_not_blamed_on_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before", encoding="utf-8")

    def fail() -> None:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("after", encoding="utf-8")
            raise ValueError("another fault")

    with pytest.raises(ValueError, match="another fault"):
        fail()
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("file", "before")]


def test_folder_goes_back_when_the_second_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("before", encoding="utf-8")
    # Nothing was written to the temporary place, so the rename into place has no source.
    with pytest.raises(DiskError, match=r"model could not be written \(.*No such file"), replacing(tmp_path / "model"):
        pass
    assert (tmp_path / "model" / "weights").read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
