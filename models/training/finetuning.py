"""Transfer: a pre-trained encoder becomes a sentiment classifier."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification

from models.data.pack import PackedCorpus
from models.disk import replacing
from models.errors import ConfigError
from models.metrics import confusion_matrix, macro_f1
from models.progress import Progress, no_progress
from models.training.adversarial import AdversarialConfig, LabelledBatch, backward_adversarial
from models.training.augmentation import AugmentationConfig, Augmenter
from models.training.batches import BatchPlan, Sampling, pad, sampling_weights
from models.training.loop import LoopConfig, TrainingLoop
from models.training.pretraining import dropout
from models.training.teacher import Lessons, Teacher, TeacherConfig, teach
from models.training.wide import WideConfig, add_wide_half, fit_experts


@dataclass(frozen=True)
class PhaseConfig:
    """One stretch of fine-tuning: which rows, how often, for how long."""

    name: str
    loop: LoopConfig = field(default_factory=LoopConfig)
    datasets: tuple[str, ...] | None = None  # None = every labelled dataset
    sampling: Sampling = field(default_factory=Sampling)
    freeze: tuple[str, ...] = ()  # beginnings of parameter names that stay as they are, e.g. model.embed_tokens
    label_smoothing: float = 0.0
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    soup: int = 1  # runs with consecutive seeds whose weights are averaged (Wortsman et al. 2022)

    def __post_init__(self) -> None:
        """Raises ConfigError for a soup of nothing."""
        if self.soup < 1:
            raise ConfigError(f"phase {self.name!r} has a soup of {self.soup} runs, expected 1 or more.")


@dataclass(frozen=True)
class FinetuningConfig:
    """Settings of the transfer stage."""

    phases: tuple[PhaseConfig, ...]
    wide: WideConfig = field(default_factory=WideConfig)
    pretrained: bool = True  # False starts from random weights, to measure what pre-training gives
    dropout: float = 0.1  # share of the attention weights left out


class Labelled:
    """Makes classifier batches from packed rows, with noise on the training texts."""

    def __init__(
        self, corpus: PackedCorpus, rows: np.ndarray, tokenizer: Any, augmenter: Augmenter | None, length: int,
        lessons: Lessons | None = None, teacher: TeacherConfig | None = None,
    ) -> None:
        """Keeps the rows; `length` is the number of positions of the model; lessons come with the settings of their teacher."""
        self.corpus, self.rows, self.augmenter, self.length, self.lessons, self.teacher = corpus, rows, augmenter, length, lessons, teacher
        self.cls, self.sep, self.pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id

    def lengths(self) -> np.ndarray:
        """Tokens of each row with special ones (rows,)."""
        return np.asarray(np.minimum(self.corpus.rows["length"][self.rows].astype(np.int64), self.length - 2) + 2)

    def batch(self, indices: np.ndarray, seed: int, step: int, device: str) -> LabelledBatch:
        """A batch; the same seed and step give the same one; with a teacher the labels are probabilities (batch, classes)."""
        generator = np.random.default_rng([seed, step, 7])
        rows, sequences = self.rows[indices], []
        if self.lessons is None or self.teacher is None:
            found, labels = [self.corpus.input_ids(row) for row in rows], self.corpus.rows["label"][rows].astype(np.int64)
        else:
            found, labels = self.lessons.targets(self.corpus, rows, self.teacher, generator)
        for ids in found:
            if self.augmenter is not None and self.augmenter.active:
                ids = self.augmenter(ids, generator)
            sequences.append(np.concatenate(([self.cls], ids[: self.length - 2], [self.sep])))
        input_ids = pad(sequences, self.pad)
        lengths = np.array([len(sequence) for sequence in sequences])
        attention = (np.arange(input_ids.shape[1]) < lengths[:, None]).astype(np.int64)
        return LabelledBatch(*(torch.from_numpy(value).to(device) for value in (input_ids, attention, labels)))


def new_classifier(pretrained: str | Path, labels: tuple[str, ...], config: FinetuningConfig, seed: int) -> Any:
    """A classifier on the pre-trained encoder in a folder, with a fresh head."""
    torch.manual_seed(seed)
    settings = {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
        **dropout(config.dropout),
    }
    model = AutoModelForSequenceClassification.from_pretrained(str(pretrained), **settings)
    return model if config.pretrained else AutoModelForSequenceClassification.from_config(model.config)


def write_lexicon(model: Any, lexicon: np.ndarray, spread: float) -> None:
    """Writes what is said of each piece (pieces, values) into the first features of its embedding, with a root mean square of `spread`.

    Raises:
        ConfigError: An embedding has fewer features than the lexicon has values.
    """
    weight = model.get_input_embeddings().weight
    if lexicon.shape[1] > weight.shape[1]:
        raise ConfigError(f"The lexicon has {lexicon.shape[1]} values a piece, the embeddings have {weight.shape[1]}; "
                          "set teacher lexicon to 0 or take a larger hidden_size.")
    said = lexicon[lexicon != 0]
    scale = spread / np.sqrt(np.mean(said**2)) if len(said) else 0.0
    with torch.no_grad():
        weight[: len(lexicon), : lexicon.shape[1]] = torch.from_numpy(lexicon * np.float32(scale)).to(weight)


def freeze(model: Any, beginnings: tuple[str, ...]) -> int:
    """Stops training of parameters whose names begin so, starts all others; returns how many values are frozen.

    Raises:
        ConfigError: A beginning matches no parameter, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            raise ConfigError(f"freeze names {beginning!r}, but no parameter begins so; parameters look like {names[0]!r}.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(beginnings) if beginnings else True)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError("freeze leaves nothing to train; name fewer layers.")
    return sum(parameter.numel() for parameter in model.parameters() if not parameter.requires_grad)


def development_score(model: Any, data: Labelled, *, device: str, batch_rows: int = 256) -> tuple[float, float]:
    """Macro-F1 (0-100) averaged over languages and mean cross-entropy (nats) on the rows of `data`."""
    order = np.argsort(data.lengths(), kind="stable")
    predictions, losses = np.zeros(len(order), dtype=np.int64), 0.0
    with torch.inference_mode():
        for start in range(0, len(order), batch_rows):
            indices = order[start : start + batch_rows]
            batch = data.batch(indices, 0, 0, device)
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits.float()
            losses += cross_entropy(logits, batch.labels, reduction="sum").item()
            predictions[indices] = logits.argmax(-1).cpu().numpy()
    fields = data.corpus.rows[data.rows]
    classes = range(len(data.corpus.manifest["labels"]))
    scores = []
    for language in np.unique(fields["language"]):
        member = fields["language"] == language
        scores.append(macro_f1(confusion_matrix(fields["label"][member].tolist(), predictions[member].tolist(), classes)))
    return float(np.mean(scores)), losses / len(order)


def finetune(
    corpus: PackedCorpus, tokenizer: Any, pretrained: str | Path, config: FinetuningConfig, folder: str | Path,
    *, device: str = "cpu", resume: bool = False, progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """Runs all phases, saves the classifier in `folder`/model and returns one result a phase."""
    folder = Path(folder)
    model = new_classifier(pretrained, tuple(corpus.manifest["labels"]), config, config.phases[0].loop.seed).to(device)
    results = []
    for number, phase in enumerate(config.phases):
        target = folder / f"{number}-{phase.name}"
        said = target / "result.json"
        if resume and said.is_file():
            model = AutoModelForSequenceClassification.from_pretrained(str(target / "model")).to(device)
        else:
            said.unlink(missing_ok=True)
            run = _run_phase if phase.soup == 1 else _run_soup
            lessons = teach(corpus, tokenizer, phase.teacher, folder / "lessons.npz") if phase.teacher.datasets else None
            result = run(model, corpus, tokenizer, phase, lessons, target, device, resume, progress)
            _finish(said, {"phase": phase.name, **result}, target / "model", model.save_pretrained)
        results.append(json.loads(said.read_text(encoding="utf-8")))
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    if config.wide.share:
        target = folder / "wide"
        said = target / "result.json"
        if not (resume and said.is_file()):
            said.unlink(missing_ok=True)
            wide, result = _run_wide(model, corpus, tokenizer, config.wide, device)
            _finish(said, {"phase": "wide", **result}, target / "model", wide.save_pretrained)
        model = AutoModelForSequenceClassification.from_pretrained(str(target / "model")).to(device)
        results.append(json.loads(said.read_text(encoding="utf-8")))
    with replacing(folder / "model") as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return results


def _finish(said: Path, result: dict[str, Any], weights: Path, save: Callable[[Path], object]) -> None:
    """Saves the weights, then what is said of them: where the second is, the first is whole."""
    with replacing(weights) as temporary:
        save(temporary)
    with replacing(said) as temporary:
        temporary.write_text(json.dumps(result), encoding="utf-8")


def _run_phase(
    model: Any, corpus: PackedCorpus, tokenizer: Any, phase: PhaseConfig, lessons: Lessons | None, folder: Path, device: str,
    resume: bool, progress: Progress,
) -> dict[str, Any]:
    if lessons is not None and phase.teacher.lexicon:
        write_lexicon(model, lessons.lexicon, phase.teacher.lexicon)
    frozen = freeze(model, phase.freeze)
    length = model.config.max_position_embeddings
    rows = corpus.select(split="train", datasets=phase.datasets, labelled=True)
    data = Labelled(corpus, rows, tokenizer, Augmenter(phase.augmentation, tokenizer), length, lessons, phase.teacher)
    plan = BatchPlan(data.lengths(), sampling_weights(corpus, rows, phase.sampling), epoch_rows=phase.sampling.epoch_rows or len(rows),
                     tokens=phase.loop.batch_tokens, seed=phase.loop.seed)
    development = Labelled(corpus, corpus.select(split="development", labelled=True), tokenizer, None, length)

    def loss(model: Any, indices: np.ndarray, step: int) -> dict[str, float]:
        batch = data.batch(indices, phase.loop.seed, step, device)
        return backward_adversarial(model, batch, phase.adversarial, phase.label_smoothing)

    def evaluate(model: Any) -> float:
        return -development_score(model, development, device=device)[1]  # macro-F1 on so few rows is mostly luck

    loop = TrainingLoop(model, plan, phase.loop, folder)
    looks = evaluate if len(development.rows) and phase.loop.evaluate_every else None
    result = loop.run(loss, evaluate=looks, resume=resume, progress=progress)
    return {**result, "frozen_values": frozen, "rows": len(rows), "padding_percent": plan.padding_waste()}


def _run_wide(model: Any, corpus: PackedCorpus, tokenizer: Any, config: WideConfig, device: str) -> tuple[Any, dict[str, Any]]:
    """The model with its wide half, and macro-F1 (0-100) and cross-entropy (nats) of both halves together on the development rows."""
    began = time.monotonic()
    development = Labelled(corpus, corpus.select(split="development", labelled=True), tokenizer, None, model.config.max_position_embeddings)
    wide = add_wide_half(model, tokenizer, *fit_experts(Teacher(corpus, tokenizer, config.teacher), config.other_rows), config.share)
    score, loss = development_score(wide, development, device=device) if len(development.rows) else (0.0, 0.0)
    if config.development:
        both = Teacher(corpus, tokenizer, config.teacher, splits=("train", "development"))
        wide = add_wide_half(model, tokenizer, *fit_experts(both, config.other_rows), config.share)
    return wide, {"experts": wide.config.wide_experts, "score": score, "cross_entropy": loss, "seconds": time.monotonic() - began}


def _run_soup(
    model: Any, corpus: PackedCorpus, tokenizer: Any, phase: PhaseConfig, lessons: Lessons | None, folder: Path, device: str,
    resume: bool, progress: Progress,
) -> dict[str, Any]:
    """Runs the phase once a seed from the same start and leaves the mean of their weights in the model.

    Where the mean does worse on the development rows than the best single run, that run is kept instead.
    """
    start = {name: value.detach().clone() for name, value in model.state_dict().items()}
    results, kept = [], []
    if not resume:
        for old in folder.glob("seed-*/result.json"):
            old.unlink()
    for number in range(phase.soup):
        place = folder / f"seed-{phase.loop.seed + number}"
        finished, said = place / "kept.safetensors", place / "result.json"
        if not (resume and said.is_file()):
            said.unlink(missing_ok=True)
            model.load_state_dict(start)
            seeded = replace(phase, loop=replace(phase.loop, seed=phase.loop.seed + number))
            result = _run_phase(model, corpus, tokenizer, seeded, lessons, place, device, resume, progress)
            weights = {name: value.contiguous() for name, value in model.state_dict().items()}
            _finish(said, result, finished, partial(save_file, weights))
        results.append(json.loads(said.read_text(encoding="utf-8")))
        kept.append(load_file(finished, device=device))
    mean = {name: torch.stack([weights[name] for weights in kept]).mean(0) for name in start}
    development = Labelled(corpus, corpus.select(split="development", labelled=True), tokenizer, None, model.config.max_position_embeddings)
    scores = []
    for weights in [mean, *kept]:
        model.load_state_dict(weights)
        scores.append(development_score(model, development, device=device)[0] if len(development.rows) else 0.0)
    best = int(np.argmax(scores))
    model.load_state_dict([mean, *kept][best])
    return {**results[0], "steps": sum(r["steps"] for r in results), "seconds": sum(r["seconds"] for r in results), "best": scores[best],
            "stopped_early": any(r["stopped_early"] for r in results), "soup": phase.soup, "soup_score": scores[0],
            "single_scores": scores[1:], "kept": "soup" if best == 0 else f"seed {phase.loop.seed + best - 1}"}


def with_seed(config: FinetuningConfig, seed: int) -> FinetuningConfig:
    """The same settings under another seed."""
    return replace(config, phases=tuple(replace(p, loop=replace(p.loop, seed=seed)) for p in config.phases))
