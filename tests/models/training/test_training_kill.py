"""A process killed with SIGKILL, twice, at steps drawn at random, and then resumed: the same curves and the same weights."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from models.config import from_mapping
from models.progress import no_progress
from models.training.loop import read_log
from models.training.run import RunConfig, run_stages

ROOT = Path(__file__).parents[3]
STAGES = {"pretraining": 40, "finetuning/0-broad": 10, "finetuning/1-focus": 100}


# The training watches its own log and kills itself, so that on a busy machine it cannot run ahead of who watches it.
KILLED = """
import os, runpy, signal, sys, threading, time
from pathlib import Path

log, step = Path(sys.argv.pop(1)), int(sys.argv.pop(1))

def watch():
    while not log.is_file() or log.read_bytes().count(b"\\n") < step:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
runpy.run_module("models", run_name="__main__", alter_sys=True)
"""


def kill_at(config: Path, log: Path, step: int, words: list[str]) -> None:
    """Runs the command, which is killed as soon as its log has that many lines."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", KILLED, str(log), str(step), "train", str(config), *words], cwd=ROOT, env=environment,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=400)
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()


@pytest.fixture
def one_thread() -> Any:
    """The sums of one thread, here as in the killed processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def unfinished(folder: Path, total: int) -> int:
    """The last step in a log that a kill has left, which may end in the middle of a line."""
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    assert 0 < steps[-1] < total, "the process ended before it could be killed"
    return int(steps[-1])


@pytest.mark.timeout(900)  # two processes start from nothing, perhaps on a busy machine
@pytest.mark.usefixtures("one_thread")
def test_killed_twice_is_unbroken(tiny_run: Callable[[Path], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = tiny_run(tmp_path / "killed")
    config = tmp_path / "killed.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    folder, whole = tmp_path / "killed" / "run", tmp_path / "whole" / "run"
    first, second = random.randint(3, 15), random.randint(3, 15)

    kill_at(config, folder / "pretraining" / "log.jsonl", first, [])
    assert unfinished(folder / "pretraining", 40) >= first
    kill_at(config, folder / "finetuning" / "1-focus" / "log.jsonl", second, ["--resume"])
    unfinished(folder / "finetuning" / "1-focus", 100)
    run_stages(from_mapping(RunConfig, settings), lambda name: no_progress, resume=True)
    run_stages(from_mapping(RunConfig, tiny_run(tmp_path / "whole")), lambda name: no_progress)

    for stage, steps in STAGES.items():
        log = read_log(folder / stage)
        assert log == read_log(whole / stage), f"killed at {first} and {second}"
        losses = [entry["step"] for entry in log if "learning_rate" in entry]
        assert losses == list(range(1, steps + 1))
    for place in ("run/pretraining/model", "run/finetuning/0-broad/model", "run/finetuning/model", "checkpoint"):
        resumed, unbroken = (load_file(tmp_path / name / place / "model.safetensors") for name in ("killed", "whole"))
        assert resumed.keys() == unbroken.keys()
        assert all(torch.equal(value, unbroken[name]) for name, value in resumed.items()), place
    assert not list(folder.rglob("*.part"))
    assert not list(folder.rglob("*.old"))
