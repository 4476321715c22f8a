"""What the runs of both tasks share: stages that are taken in order and kept, tables of rows, the commit of the code."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from models.config import to_mapping
from models.disk import replacing
from models.errors import ConfigError, CorpusError
from models.progress import Progress

Report = Callable[[str], Progress]  # stage name -> progress of that stage
RunStage = Callable[[str, Path, Progress, dict[str, Any]], dict[str, Any]]  # name, folder, progress, what earlier stages said -> what it says


def take_stages(
    known: tuple[str, ...], run: RunStage, folder: Path, report: Report, *, chosen: tuple[str, ...], resume: bool
) -> dict[str, Any]:
    """Runs the chosen stages in order and returns what each says of itself; finished ones are kept when resuming.

    The last stage only writes the result, so it is always run.

    Raises:
        ConfigError: A chosen stage does not exist.
    """
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ConfigError(f"There is no stage {unknown[0]!r}; stages are {', '.join(known)}.")
    folder.mkdir(parents=True, exist_ok=True)
    done_path = folder / "stages.json"
    done: dict[str, Any] = json.loads(done_path.read_text(encoding="utf-8")) if done_path.is_file() else {}
    if not resume:  # what runs anew is not done, even where a killed run is resumed later
        done = {stage: result for stage, result in done.items() if stage not in chosen}
        _write_done(done, done_path)
    for stage in known:
        if stage not in chosen or (stage in done and stage != known[-1]):
            continue
        done[stage] = run(stage, folder, report(stage), done)
        _write_done(done, done_path)
    return done


def _write_done(done: dict[str, Any], path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(done, indent=1), encoding="utf-8")


def read_rows(path: str | Path, name: str, defaults: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of a corpus folder (the Parquet file `name` in it) or of a JSON Lines table whose missing keys have defaults, as mappings.

    Raises:
        CorpusError: There is neither, or a line is not JSON.
    """
    path = Path(path)
    table = path / name if path.is_dir() else path
    if table.suffix == ".parquet" and table.is_file():
        import pyarrow.parquet as parquet

        for batch in parquet.ParquetFile(table).iter_batches(batch_size=10_000):
            yield from batch.to_pylist()
    elif table.is_file():
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
            try:
                yield {"dataset": table.stem, **defaults, **json.loads(line)}
            except (json.JSONDecodeError, TypeError) as error:
                raise CorpusError(f"{table} line {number} is not a JSON object; mend or remove the line.") from error
    else:
        raise CorpusError(f"{path} is neither a corpus folder nor a table; run `python -m models corpus build` first.")


def read_table(path: str | Path) -> Iterator[dict[str, Any]]:
    """Texts of a corpus folder (corpus.parquet) or of a JSON Lines table, as mappings; raises as `read_rows` does."""
    return read_rows(path, "corpus.parquet", {"label": "", "language": "", "culture": "", "domain": "", "split": "train", "document": "", "position": 0})


def read_pair_table(path: str | Path) -> Iterator[dict[str, Any]]:
    """Sentence pairs of a corpus folder (pairs.parquet) or of a JSON Lines table, as mappings; raises as `read_rows` does."""
    return read_rows(path, "pairs.parquet", {"source_language": "", "target_language": "", "culture": "", "domain": "", "split": "train"})


def write_checkpoint(target: Path, model: Any, tokenizer: Any, config: Any, done: dict[str, Any]) -> dict[str, Any]:
    """Writes the checkpoint folder: fp16 weights, tokenizer, settings and how they came to be; a card that is there stays."""
    settings = {"config": to_mapping(config), "git_commit": git_commit(), "stages": done}
    with replacing(target) as temporary:
        model.half().save_pretrained(temporary, max_shard_size="45MB")
        tokenizer.save_pretrained(temporary)
        (temporary / "run.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(settings)), sort_keys=False, allow_unicode=True), encoding="utf-8")
        for name in ("README.md", "evaluation.json"):
            if (target / name).is_file():
                shutil.copy2(target / name, temporary / name)
    return {"checkpoint": str(target), "bytes": sum(path.stat().st_size for path in target.iterdir())}


def git_commit() -> str:
    """The commit of the code that ran, or "unknown" outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    try:
        result = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return result.stdout.strip() if result.returncode == 0 else "unknown"
