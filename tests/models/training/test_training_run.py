"""All stages of one run on a tiny table: what each leaves, what resuming skips, and the exported checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from models.config import from_mapping, load_config
from models.data.pack import PackedCorpus
from models.errors import ConfigError, CorpusError, DiskError
from models.progress import Progress, no_progress
from models.training import run as run_module
from models.training import stages as stages_module
from models.training.augmentation import read_lexicon
from models.training.batches import BatchPlan, sampling_weights
from models.training.finetuning import Labelled
from models.training.pretraining import Masker
from models.training.run import STAGES, RunConfig, export, pack_corpus, run_stages
from models.training.stages import git_commit, read_table
from models.training.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[3]
TEXTS = ["the soup was cold again.", "that song is great again.", "这首歌太冷了", "sagt Oma! 👍", ""]


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """A run sets the number of threads; the other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(tiny_run: Callable[[Path], dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> tuple[RunConfig, dict[str, Any]]:
    """The settings of a finished run and what its stages said."""
    config = from_mapping(RunConfig, tiny_run(tmp_path_factory.mktemp("finished")))
    return config, run_stages(config, lambda name: no_progress)


@pytest.fixture
def copied(finished: Any, tiny_run: Callable[[Path], dict[str, Any]], tmp_path: Path) -> RunConfig:
    """The finished run once more, for tests that change it."""
    shutil.copytree(finished[0].folder, tmp_path / "run")
    shutil.copytree(finished[0].checkpoint, tmp_path / "checkpoint")
    return from_mapping(RunConfig, tiny_run(tmp_path))


def watch() -> tuple[list[str], Callable[[str], Progress]]:
    """The stages that were started, in order."""
    started: list[str] = []
    return started, lambda name: started.append(name) or no_progress  # type: ignore[func-returns-value]


def files(folder: str | Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in Path(folder).rglob("*") if path.is_file()}


def logits(folder: Path, dtype: torch.dtype) -> torch.Tensor:
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=dtype).float().eval()
    with torch.inference_mode():
        return model(**AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")).logits


def test_every_stage_says_what_it_did(finished: Any) -> None:
    config, done = finished
    assert tuple(done) == STAGES
    assert done == json.loads((Path(config.folder) / "stages.json").read_text(encoding="utf-8"))
    packed = PackedCorpus(Path(config.folder) / "packed")
    assert done["pack"] == {"rows": 144, "tokens": int(packed.rows["length"].sum())}
    assert done["tokenizer"]["vocab_size"] == packed.manifest["vocab_size"] == len(load_tokenizer(Path(config.folder) / "tokenizer"))
    assert done["pretraining"]["steps"] == 40
    assert [(phase["phase"], phase["steps"]) for phase in done["finetuning"]["phases"]] == [("broad", 10), ("focus", 100)]
    assert done["finetuning"]["phases"][0]["frozen_values"] > 0 == done["finetuning"]["phases"][1]["frozen_values"]
    assert done["export"]["bytes"] == sum(path.stat().st_size for path in Path(config.checkpoint).iterdir())


def test_checkpoint_is_half_precision_and_predicts_the_same(finished: Any) -> None:
    config, _ = finished
    weights = load_file(Path(config.checkpoint) / "model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}
    full = logits(Path(config.folder) / "finetuning" / "model", torch.float32)
    assert torch.allclose(logits(Path(config.checkpoint), torch.float16), full, atol=1e-2)
    assert full.std(0).max() > 0.5  # the texts are told apart, so equality says something


def test_checkpoint_says_how_it_came_to_be(finished: Any) -> None:
    config, done = finished
    content = yaml.safe_load((Path(config.checkpoint) / "run.yaml").read_text(encoding="utf-8"))
    assert from_mapping(RunConfig, content["config"]) == config
    assert content["git_commit"] == git_commit()
    assert content["stages"] == {name: done[name] for name in STAGES if name != "export"}


def test_resuming_a_finished_run_trains_nothing(copied: RunConfig) -> None:
    before, weights = files(copied.folder), load_file(Path(copied.checkpoint) / "model.safetensors")
    started, report = watch()
    run_stages(copied, report, resume=True)
    assert started == ["export"]
    after = files(copied.folder)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {Path(name).name for name in changed} == {"stages.json"}
    again = load_file(Path(copied.checkpoint) / "model.safetensors")
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


def test_resuming_runs_the_stages_that_are_left(copied: RunConfig) -> None:
    path = Path(copied.folder) / "stages.json"
    done = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({name: done[name] for name in ("tokenizer", "pack", "pretraining")}), encoding="utf-8")
    started, report = watch()
    result = run_stages(copied, report, resume=True)
    assert started == ["finetuning", "export"]
    assert result["pretraining"] == done["pretraining"]


def test_stages_run_anew_are_not_done_when_they_are_killed(copied: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "_run_stage", killed)
    with pytest.raises(KeyboardInterrupt):
        run_stages(copied, lambda name: no_progress, stages=("finetuning", "export"))
    done = json.loads((Path(copied.folder) / "stages.json").read_text(encoding="utf-8"))
    assert list(done) == ["tokenizer", "pack", "pretraining"]  # what was not asked for stays done


def test_some_stages_alone(copied: RunConfig) -> None:
    started, report = watch()
    done = run_stages(copied, report, stages=("pack", "tokenizer"))
    assert started == ["tokenizer", "pack"]
    assert set(done) == set(STAGES)
    with pytest.raises(ConfigError, match=r"There is no stage 'fly'; stages are tokenizer, pack, pretraining, finetuning, export\."):
        run_stages(copied, report, stages=("pack", "fly"))


def test_failed_export_leaves_the_older_checkpoint(copied: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files(copied.checkpoint)

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(yaml, "safe_dump", full)
    with pytest.raises(DiskError, match=r"checkpoint could not be written \(.*No space left on device\); free some space"):
        export(copied, Path(copied.folder), {})
    assert files(copied.checkpoint) == before
    assert sorted(path.name for path in Path(copied.checkpoint).parent.iterdir()) == ["checkpoint", "run"]


def test_export_keeps_the_card_and_what_was_measured(copied: RunConfig) -> None:
    target = Path(copied.checkpoint)
    for name in ("README.md", "evaluation.json", "stale.bin"):
        (target / name).write_text(name, encoding="utf-8")
    export(copied, Path(copied.folder), {})
    assert [(target / name).read_text(encoding="utf-8") for name in ("README.md", "evaluation.json")] == ["README.md", "evaluation.json"]
    assert not (target / "stale.bin").exists()


def test_export_before_finetuning_is_refused(finished: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model does not exist; run the finetuning stage first"):
        export(finished[0], tmp_path, {})


def test_packing_before_the_tokenizer_is_refused(tiny_run: Callable[[Path], dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tokenizer\.json does not exist; run the tokenizer stage first"):
        pack_corpus(from_mapping(RunConfig, tiny_run(tmp_path)), no_progress)


def test_tables_are_read_from_lines_and_from_parquet(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet as parquet

    (tmp_path / "talk.jsonl").write_text('{"text": "a", "label": "neutral", "split": "test"}\n{"text": "b"}\n', encoding="utf-8")
    rows = list(read_table(tmp_path / "talk.jsonl"))
    assert [(row["text"], row["label"], row["split"], row["dataset"]) for row in rows] == [("a", "neutral", "test", "talk"), ("b", "", "train", "talk")]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "corpus.parquet")
    assert list(read_table(tmp_path)) == rows


@pytest.mark.parametrize("line", ['{"text": "cut', "[1, 2]", "7", ""])
def test_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "table.jsonl").write_text(f'{{"text": "a"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"table\.jsonl line 2 is not a JSON object; mend or remove the line"):
        list(read_table(tmp_path / "table.jsonl"))


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"is neither a corpus folder nor a table; run `python -m models corpus build` first"):
        list(read_table(tmp_path))


def test_commit_is_unknown_outside_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_git(*args: Any, **kwargs: Any) -> Any:
        raise FileNotFoundError("git")

    monkeypatch.setattr(stages_module.subprocess, "run", no_git)
    assert git_commit() == "unknown"


@pytest.mark.parametrize("name", ["sentiment.yaml", "toy.yaml"])
def test_shipped_settings_load_and_refuse_unknown_keys(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load((ROOT / "configs" / name).read_text(encoding="utf-8"))
    config = load_config(RunConfig, ROOT / "configs" / name)
    assert config.name == content["name"]
    assert [phase.name for phase in config.finetuning.phases] == [phase["name"] for phase in content["finetuning"]["phases"]]
    assert config.encoder.hidden_size == content["encoder"]["hidden_size"]
    assert config.tokenizer.max_length == config.pack.max_length == config.encoder.max_length
    content["finetuning"]["phases"][0]["loop"]["learning_rat"] = 1.0
    with pytest.raises(ConfigError, match=r"loop has the unknown key 'learning_rat'; known keys are steps, epochs, learning_rate"):
        from_mapping(RunConfig, content, where=name)
    monkeypatch.chdir(ROOT)
    for phase in config.finetuning.phases:
        assert not phase.augmentation.lexicon or len(read_lexicon(phase.augmentation.lexicon)) > 100


def test_toy_plans_waste_under_five_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    toy = load_config(RunConfig, "configs/toy.yaml")
    config = RunConfig(**{**vars(toy), "folder": str(tmp_path), "checkpoint": str(tmp_path / "checkpoint")})
    run_stages(config, lambda name: no_progress, stages=("tokenizer", "pack"))
    packed, tokenizer = PackedCorpus(tmp_path / "packed"), load_tokenizer(tmp_path / "tokenizer")
    rows = packed.select(split="train")
    masker = Masker(packed, rows, tokenizer, config.pretraining, config.encoder.max_length)
    labelled = Labelled(packed, packed.select(split="train", labelled=True), tokenizer, None, config.encoder.max_length)
    phase = config.finetuning.phases[0]
    for data, section in ((masker, config.pretraining), (labelled, phase)):
        lengths = data.lengths()
        weights = sampling_weights(packed, data.rows, section.sampling)
        plan = BatchPlan(lengths, weights, epoch_rows=len(lengths), tokens=section.loop.batch_tokens, seed=1)
        assert plan.padding_waste() < 5
        shown = np.concatenate(plan.epoch(0))
        assert len(np.unique(shown)) > 0.5 * len(lengths)
