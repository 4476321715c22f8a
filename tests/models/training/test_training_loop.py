"""The training loop against loops written out by hand: schedule, optimiser, averages, early stopping, precision."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import Cancelled, ConfigError
from models.training import loop as loop_module
from models.training.batches import BatchPlan
from models.training.loop import LoopConfig, TrainingLoop, read_log

Loss = Callable[[Any, np.ndarray, int], dict[str, float]]
FAST = LoopConfig(steps=20, learning_rate=0.05, save_every_seconds=1e9)


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without tensorboard; one test below has it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


def five_a_batch(seed: int = 1) -> BatchPlan:
    """Four batches of five rows an epoch."""
    return BatchPlan(np.full(20, 5), np.ones(20), epoch_rows=20, tokens=25, seed=seed)


def config(**values: Any) -> LoopConfig:
    return LoopConfig(**{**vars(FAST), **values})


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().clone().flatten() for value in model.parameters()])


def record(model: torch.nn.Module) -> tuple[list[torch.Tensor], Callable[[int, int], None]]:
    """A list and a progress callback that puts the weights after every step into it."""
    seen: list[torch.Tensor] = []
    return seen, lambda done, total: seen.append(weights(model))


def test_schedule_at_known_steps(line: Any, tmp_path: Path) -> None:
    run = TrainingLoop(line, five_a_batch(), config(steps=100, learning_rate=2.0, warmup_share=0.1), tmp_path)
    assert [run.schedule(step) for step in (0, 4, 9, 10)] == pytest.approx([0.2, 1.0, 2.0, 2.0])
    # Half-way between step 10 and the end the cosine is zero, at a third of the way a half.
    assert run.schedule(55) == pytest.approx(1.0)
    assert run.schedule(40) == pytest.approx(1.5)
    assert run.schedule(99) == pytest.approx(1 + math.cos(math.pi * 89 / 90))
    assert run.schedule(100) == pytest.approx(0.0) == run.schedule(1_000)


def test_log_holds_every_step_with_its_learning_rate(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    run = TrainingLoop(line, five_a_batch(), FAST, tmp_path)
    assert read_log(tmp_path) == []
    result = run.run(line_loss)
    log = read_log(tmp_path)
    assert [entry["step"] for entry in log] == list(range(1, 21))
    assert [entry["learning_rate"] for entry in log] == pytest.approx([run.schedule(step) for step in range(20)])
    assert log[-1]["loss"] < log[0]["loss"] / 3
    assert (result["steps"], result["best"], result["stopped_early"]) == (20, None, False)
    assert result["seconds"] > 0


def test_epochs_count_where_steps_are_not_said(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        seen.append(indices)
        return line_loss(model, indices, step)

    calls: list[tuple[int, int]] = []
    TrainingLoop(line, five_a_batch(), config(steps=None, epochs=3), tmp_path).run(loss, progress=lambda a, b: calls.append((a, b)))
    assert calls == [(step, 12) for step in range(1, 13)]
    for epoch in range(3):
        assert sorted(np.concatenate(seen[4 * epoch : 4 * epoch + 4])) == list(range(20))


def test_steps_are_clipped_adamw_without_decay_of_vectors(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    settings = config(steps=6, weight_decay=0.5, clip_norm=0.2, warmup_share=0.0, seed=3)
    by_hand = type(line)()
    seen, progress = record(line)
    run = TrainingLoop(line, five_a_batch(), settings, tmp_path)
    run.run(line_loss, progress=progress)
    optimizer = torch.optim.AdamW([{"params": [by_hand.matrix], "weight_decay": 0.5}, {"params": [by_hand.weight], "weight_decay": 0.0}])
    batches = [*five_a_batch().epoch(0), *five_a_batch().epoch(1)]
    for step in range(6):
        torch.manual_seed(3 * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = run.schedule(step)
        optimizer.zero_grad()
        line_loss(by_hand, batches[step], step)
        norm = torch.sqrt(sum((value.grad**2).sum() for value in by_hand.parameters()))
        for value in by_hand.parameters():
            value.grad *= min(1.0, 0.2 / (norm.item() + 1e-6))
        optimizer.step()
        assert seen[step].numpy() == pytest.approx(weights(by_hand).numpy(), abs=1e-6)


@pytest.mark.parametrize("ema_decay", [0.5, 0.999])
def test_average_against_a_hand_loop(line: Any, line_loss: Loss, tmp_path: Path, ema_decay: float) -> None:
    average = weights(line).double()
    seen, progress = record(line)
    TrainingLoop(line, five_a_batch(), config(ema_decay=ema_decay), tmp_path).run(line_loss, progress=progress)
    for step, current in enumerate(seen, 1):
        decay = min(ema_decay, (1 + step) / (10 + step))  # 2/11 after the first step, 0.5 from the eighth on
        average = decay * average + (1 - decay) * current
    assert weights(line).numpy() == pytest.approx(average.numpy(), abs=1e-6)
    assert (weights(line) - seen[-1]).abs().max() > 1e-4


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_early_stopping_keeps_the_best_weights(line: Any, line_loss: Loss, tmp_path: Path, ema_decay: float) -> None:
    looks: list[torch.Tensor] = []

    def evaluate(model: Any) -> float:
        assert not model.training
        looks.append(weights(model))
        return (1.0, 3.0, 2.0, 3.0, 9.0)[len(looks) - 1]

    run = TrainingLoop(line, five_a_batch(), config(evaluate_every=3, patience=2, ema_decay=ema_decay), tmp_path)
    result = run.run(line_loss, evaluate=evaluate)
    assert (result["steps"], result["best"], result["stopped_early"]) == (12, 3.0, True)
    assert torch.equal(weights(line), looks[1])
    assert not line.training
    assert [(entry["step"], entry["development"]) for entry in read_log(tmp_path) if "development" in entry] == [
        (3, 1.0), (6, 3.0), (9, 2.0), (12, 3.0)]


def test_without_patience_all_steps_run_and_the_best_are_kept(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    looks: list[torch.Tensor] = []

    def evaluate(model: Any) -> float:
        looks.append(weights(model))
        return -float(len(looks))

    result = TrainingLoop(line, five_a_batch(), config(evaluate_every=4), tmp_path).run(line_loss, evaluate=evaluate)
    assert (result["steps"], result["best"], result["stopped_early"], len(looks)) == (20, -1.0, False, 5)
    assert torch.equal(weights(line), looks[0])


def test_looking_does_not_change_the_course(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    curves = []
    for name, every in (("without", 0), ("with", 2)):
        model = type(line)()
        run = TrainingLoop(model, five_a_batch(), config(ema_decay=0.9, evaluate_every=every), tmp_path / name)
        run.run(line_loss, evaluate=lambda model: float(torch.rand(1)))
        curves.append([entry["loss"] for entry in read_log(tmp_path / name) if "loss" in entry])
    assert curves[0] == curves[1]


def test_frozen_values_stay_bit_equal(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    line.matrix.requires_grad_(False)
    before = line.matrix.clone(), line.weight.clone()
    TrainingLoop(line, five_a_batch(), config(weight_decay=0.5, ema_decay=0.5), tmp_path).run(line_loss)
    assert torch.equal(line.matrix, before[0])
    assert (line.weight - before[1]).abs().min() > 0.01


@pytest.mark.parametrize(("precision", "expected"), [("auto", False), ("fp32", False), ("bf16", True)])
def test_precision_on_a_cpu(line: Any, line_loss: Loss, tmp_path: Path, precision: str, expected: bool) -> None:
    products = []

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        assert torch.is_autocast_enabled("cpu") is expected
        products.append((model.matrix @ torch.ones(2, 1)).dtype)
        return line_loss(model, indices, step)

    TrainingLoop(line, five_a_batch(), config(steps=2, precision=precision), tmp_path).run(loss)
    assert products == [torch.bfloat16 if expected else torch.float32] * 2
    assert {value.dtype for value in line.parameters()} == {torch.float32}


@pytest.mark.parametrize(("device", "precision", "asked"), [
    ("cuda", "auto", True), ("cuda", "bf16", True), ("cuda", "fp32", False), ("cpu", "auto", False)])
def test_precision_by_device(monkeypatch: pytest.MonkeyPatch, device: str, precision: str, asked: bool) -> None:
    calls: list[tuple[str, torch.dtype]] = []
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype: calls.append((kind, dtype)))
    loop_module._autocast(torch.device(device), precision)
    assert calls == ([(device, torch.bfloat16)] if asked else [])


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loop precision is 'fp16', expected auto, fp32 or bf16\."):
        LoopConfig(precision="fp16")


def test_cancelling_passes_through_and_can_be_resumed(line: Any, line_loss: Loss, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 7:
            raise Cancelled("stopped")

    settings = config(save_every_seconds=-1.0)
    with pytest.raises(Cancelled, match="stopped"):
        TrainingLoop(line, five_a_batch(), settings, tmp_path / "a").run(line_loss, progress=stop)
    resumed, whole = type(line)(), type(line)()
    TrainingLoop(resumed, five_a_batch(), settings, tmp_path / "a").run(line_loss, resume=True)
    TrainingLoop(whole, five_a_batch(), settings, tmp_path / "b").run(line_loss)
    assert read_log(tmp_path / "a") == read_log(tmp_path / "b")
    assert torch.equal(weights(resumed), weights(whole))


def test_tensorboard_has_every_value(line: Any, line_loss: Loss, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard")
    pytest.importorskip("torch.utils.tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    TrainingLoop(line, five_a_batch(), config(evaluate_every=10), tmp_path).run(line_loss, evaluate=lambda model: 4.0)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    log = [entry for entry in read_log(tmp_path) if "loss" in entry]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx([entry["loss"] for entry in log])
    assert [(event.step, event.value) for event in events.Scalars("development")] == [(10, 4.0), (20, 4.0)]
