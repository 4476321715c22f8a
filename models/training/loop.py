"""The training loop under every stage: resumable after a kill at any step, with logs, progress and early stopping."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from models.disk import replacing
from models.errors import CheckpointError, ConfigError
from models.progress import Progress, no_progress
from models.training.batches import BatchPlan

Loss = Callable[[Any, np.ndarray, int], dict[str, float]]
Evaluate = Callable[[Any], float]


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the optimiser and of the loop; every training stage has one."""

    steps: int | None = None  # optimiser steps; None = as many as `epochs` asks for
    epochs: int = 1
    learning_rate: float = 5e-4  # the highest of the schedule
    schedule: str = "one-cycle"  # one-cycle (cosine to zero at the last step) or inverse-sqrt (Vaswani et al. 2017)
    warmup_share: float = 0.06  # of all steps
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    batch_tokens: int = 4_096  # tokens a batch, padding included
    ema_decay: float = 0.0  # decay of the averaged weights that are kept; 0 = the last weights
    evaluate_every: int = 0  # steps between looks at the development rows; 0 = never
    patience: int = 0  # looks without a gain before training stops; 0 = never stop early
    save_every_seconds: float = 120.0
    precision: str = "auto"  # fp32, bf16 (autocast; twice as fast on CPUs with AVX512-BF16), auto = bf16 on a GPU only
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises ConfigError for an unknown precision or schedule."""
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"loop precision is {self.precision!r}, expected auto, fp32 or bf16.")
        if self.schedule not in ("one-cycle", "inverse-sqrt"):
            raise ConfigError(f"loop schedule is {self.schedule!r}, expected one-cycle or inverse-sqrt.")


class TrainingLoop:
    """Runs optimiser steps over a batch plan.

    Every step seeds torch with (seed, step), and a batch plan is a function of its seed, so weights, optimiser moments
    and the step number are the whole state: a run killed at any step and resumed has the loss curve of an unbroken one.
    """

    def __init__(self, model: Any, plan: BatchPlan, config: LoopConfig, folder: str | Path) -> None:
        """Prepares optimiser, averaged weights and the log in `folder`."""
        self.model, self.plan, self.config, self.folder = model, plan, config, Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = next(model.parameters()).device
        self.total = config.steps or plan.steps(config.epochs)
        self.optimizer = torch.optim.AdamW(_groups(model, config.weight_decay), lr=config.learning_rate, fused=True)
        self.average = {name: value.detach().clone() for name, value in self._trained()} if config.ema_decay else {}
        self.step, self.best, self.stale = 0, -math.inf, 0
        self.begun = time.monotonic()  # less the seconds before a resume
        self.log, self.writer = self.folder / "log.jsonl", None

    def run(
        self, loss: Loss, *, evaluate: Evaluate | None = None, resume: bool = False, progress: Progress = no_progress,
        stop_at: int | None = None,
    ) -> dict[str, Any]:
        """Trains to the end and leaves the kept weights in the model.

        Args:
            loss: Called as loss(model, row_indices, step); runs backward itself and returns named losses.
            evaluate: Score of the model on development rows, higher is better; decides early stopping.
            resume: Go on from the last checkpoint in the folder if there is one.
            stop_at: Leave after this many steps as a killed run would (for tests).

        Returns:
            steps, seconds (those before a resume included, up to its checkpoint), best score or None, whether it stopped early.
        """
        if not (resume and self._restore()):
            self._forget()
        self.model.train()
        with _tensorboard(self.folder) as self.writer:
            finished = self._train(loss, evaluate, progress, stop_at)
        if finished:
            self._save()
            self._keep()
        return {"steps": self.step, "seconds": time.monotonic() - self.begun, "best": None if self.best == -math.inf else self.best,
                "stopped_early": finished and self.step < self.total}

    def _train(self, loss: Loss, evaluate: Evaluate | None, progress: Progress, stop_at: int | None) -> bool:
        """Takes the remaining steps; False where it left at `stop_at`."""
        saved = time.monotonic()
        stopped = self.step >= self.total or self._exhausted()
        for batch in islice(iter(self.plan), self.step, self.total):
            if stopped:
                break
            values = self._one_step(loss, batch)
            self._write_log(values)
            progress(self.step, self.total)
            if evaluate and self.config.evaluate_every and self.step % self.config.evaluate_every == 0:
                self._evaluate(evaluate)
                stopped = self._exhausted()
            if time.monotonic() - saved > self.config.save_every_seconds:
                self._save()
                saved = time.monotonic()
            if self.step == stop_at:
                return False
        return True

    def schedule(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then cosine to zero or the inverse square root of the step."""
        warmup = max(1, int(self.config.warmup_share * self.total))
        if step < warmup:
            return self.config.learning_rate * (step + 1) / warmup
        if self.config.schedule == "inverse-sqrt":
            return self.config.learning_rate * math.sqrt(warmup / step)
        done = min(1.0, (step - warmup) / max(1, self.total - warmup))
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def _one_step(self, loss: Loss, batch: np.ndarray) -> dict[str, float]:
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        rate = self.schedule(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with _autocast(self.device, self.config.precision):
            values = loss(self.model, batch, self.step)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.average:
            decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                names = [(self.average[name], value) for name, value in self._trained()]
                torch._foreach_lerp_([kept for kept, _ in names], [value for _, value in names], 1 - decay)
        return {**values, "learning_rate": rate}

    def _evaluate(self, evaluate: Evaluate) -> None:
        """Scores the kept (averaged) weights; the best are written beside the checkpoint."""
        with self._averaged():
            self.model.eval()
            score = evaluate(self.model)
            self.model.train()
            self.stale += 1
            if score > self.best:
                self.best, self.stale = score, 0
                _save_tensors(dict(self._trained()), self.folder / "best.safetensors")
        self._write_log({"development": score})

    def _exhausted(self) -> bool:
        return self.config.patience > 0 and self.stale >= self.config.patience

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights inside the model for a moment."""
        if not self.average:
            yield
            return
        current = {name: value.detach().clone() for name, value in self._trained()}
        self._load(self.average)
        try:
            yield
        finally:
            self._load(current)

    def _keep(self) -> None:
        """Leaves the best evaluated weights in the model, else the averaged, else the last."""
        best = self.folder / "best.safetensors"
        if self.best > -math.inf and best.is_file():
            self._load(load_file(best))
        elif self.average:
            self._load(self.average)
        self.model.eval()

    def _trained(self) -> Iterator[tuple[str, torch.Tensor]]:
        return ((name, value) for name, value in self.model.named_parameters() if value.requires_grad)

    def _load(self, tensors: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._trained():
                value.copy_(tensors[name])

    def _save(self) -> None:
        """Writes the whole state to a new folder and moves it into place, so that a kill leaves the old or the new one."""
        states = sorted(self.optimizer.state_dict()["state"].items())
        moments = {f"{index}.{key}": value for index, (_, state) in enumerate(states) for key, value in state.items()}
        content = {"step": self.step, "stale": self.stale, "seconds": time.monotonic() - self.begun, **self._settings()}
        content["best"] = None if self.best == -math.inf else self.best
        with replacing(self.folder / "checkpoint") as temporary:
            temporary.mkdir()
            _save_tensors(dict(self._trained()), temporary / "weights.safetensors")
            _save_tensors(moments, temporary / "optimizer.safetensors")
            if self.average:
                _save_tensors(self.average, temporary / "average.safetensors")
            (temporary / "state.json").write_text(json.dumps(content), encoding="utf-8")

    def _settings(self) -> dict[str, Any]:
        """What a checkpoint must agree on with the run that goes on from it."""
        config = {key: value for key, value in asdict(self.config).items() if key != "save_every_seconds"}
        return {"total": self.total, "parameters": [name for name, _ in self._trained()], "config": config}

    def _restore(self) -> bool:
        """Loads the last whole checkpoint, if any; log lines written after it are dropped, they will be written again."""
        places = (self.folder / "checkpoint", self.folder / "checkpoint.old")  # the second: killed between the two renames
        folder = next((place for place in places if (place / "state.json").is_file()), None)
        if folder is None:
            return False
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        if any(state.get(key, value) != value for key, value in self._settings().items()):
            raise CheckpointError(f"{folder} belongs to a run with other settings; remove it or restore the settings.")
        self._load(load_file(folder / "weights.safetensors"))
        self._restore_optimizer(load_file(folder / "optimizer.safetensors"))
        if self.average:
            self.average = load_file(folder / "average.safetensors", device=str(self.device))
        self.step, self.stale, self.begun = state["step"], state["stale"], self.begun - state.get("seconds", 0.0)
        self.best = -math.inf if state["best"] is None else state["best"]
        self._trim_log()
        return True

    def _forget(self) -> None:
        """Removes what an earlier run left, so that a later --resume cannot go on from it."""
        self.log.unlink(missing_ok=True)
        shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        shutil.rmtree(self.folder / "checkpoint.old", ignore_errors=True)

    def _restore_optimizer(self, moments: dict[str, torch.Tensor]) -> None:
        content = self.optimizer.state_dict()
        for key, value in moments.items():
            index, name = key.split(".", 1)
            content["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(content)

    def _trim_log(self) -> None:
        if not self.log.is_file():
            return
        kept = ""
        for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True):
            with contextlib.suppress(json.JSONDecodeError):  # the last line of a killed run may be cut
                kept += line if json.loads(line)["step"] <= self.step else ""
        self.log.write_text(kept, encoding="utf-8")

    def _write_log(self, values: dict[str, float]) -> None:
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": self.step, **values}) + "\n")
        if self.writer is not None:
            for key, value in values.items():
                self.writer.add_scalar(key, value, self.step)


def read_log(folder: str | Path) -> list[dict[str, float]]:
    """The logged values of a run, one mapping with `step` and named losses or scores a line."""
    path = Path(folder) / "log.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: vectors (biases, norms) do not decay."""
    trained = [value for value in model.parameters() if value.requires_grad]
    return [
        {"params": [value for value in trained if value.ndim > 1], "weight_decay": weight_decay},
        {"params": [value for value in trained if value.ndim <= 1], "weight_decay": 0.0},
    ]


def _save_tensors(tensors: dict[str, torch.Tensor], path: Path) -> None:
    with replacing(path) as temporary:
        save_file({name: value.detach().contiguous().cpu().clone() for name, value in tensors.items()}, temporary)


def _autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """bfloat16 matrix products where asked for, or on a GPU where nothing is said; the weights stay float32."""
    if precision == "bf16" or (precision == "auto" and device.type == "cuda"):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


@contextlib.contextmanager
def _tensorboard(folder: Path) -> Iterator[Any]:
    """A TensorBoard writer, or None on a machine without tensorboard; closing it writes the last values."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield None
        return
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        yield writer
