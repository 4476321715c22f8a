"""All stages of a small translation run, its back-translation, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.config import from_mapping
from models.errors import ConfigError, CorpusError
from models.loading import load_translator
from models.progress import no_progress
from models.training.back_translation import BackTranslationConfig, back_translate, untranslated
from models.training.stages import read_pair_table
from models.training.translation_run import STAGES, TranslationRunConfig, export_translator, pack_pairs, run_translation_stages

TOY = Path(__file__).parents[3] / "checkpoints" / "toy-translation"


def settings_of(folder: Path, **changes: Any) -> TranslationRunConfig:
    content: dict[str, Any] = {
        "task": "translation", "name": "tiny", "corpus": str(folder / "pairs.jsonl"), "folder": str(folder / "run"),
        "checkpoint": str(folder / "checkpoint"), "directions": ["en-de", "de-en"],
        "tokenizer": {"vocab_size": 330, "min_frequency": 2, "max_length": 32, "lowercase": False}, "pack": {"max_length": 32}, "development": 4,
        "model": {"hidden_size": 16, "encoder_layers": 1, "decoder_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "max_length": 32},
        "training": {"loop": {"steps": 6, "batch_tokens": 160, "evaluate_every": 3, "learning_rate": 0.01}},
    }
    return from_mapping(TranslationRunConfig, {**content, **changes})


def write_pairs(folder: Path) -> None:
    table = [{"source": f"The {noun} is {number}.", "target": f"Der {nomen} ist {number}.", "source_language": "en", "target_language": "de"}
             for noun, nomen in (("dog", "Hund"), ("cook", "Koch"), ("table", "Tisch")) for number in range(8)]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[TranslationRunConfig, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("run")
    write_pairs(folder)
    config = settings_of(folder)
    return config, run_translation_stages(config, lambda stage: no_progress)


def test_stages_leave_a_checkpoint_that_loads(finished: tuple[TranslationRunConfig, dict[str, Any]]) -> None:
    config, done = finished
    assert tuple(done) == STAGES
    assert done["pack"]["rows"] == 48 and done["training"]["steps"] == 6 and done["back_translation"] == {"pairs": 0}
    translator = load_translator(config.checkpoint)
    assert translator.scheme.directions == (("en", "de"), ("de", "en"))
    translator.translate(["The dog is 3."], "en", "de", num_beams=1)
    written = yaml.safe_load((Path(config.checkpoint) / "run.yaml").read_text(encoding="utf-8"))
    assert from_mapping(TranslationRunConfig, written["config"]) == config
    assert written["stages"]["training"]["steps"] == 6 and "export" not in written["stages"]


def test_finished_stages_are_kept_on_resume(finished: tuple[TranslationRunConfig, dict[str, Any]]) -> None:
    config, done = finished
    asked: list[str] = []

    def report(stage: str) -> Any:
        asked.append(stage)
        return no_progress

    again = run_translation_stages(config, report, resume=True)
    assert asked == ["export"] and {**again, "export": None} == {**done, "export": None}
    with pytest.raises(ConfigError, match="There is no stage 'fly'; stages are tokenizer, back_translation, pack, training, export"):
        run_translation_stages(config, report, stages=("fly",))


def test_export_needs_a_trained_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model does not exist; run the training stage first"):
        export_translator(settings_of(tmp_path), tmp_path / "run", {})


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"task": "sentiment"}, "task is 'sentiment' with 2 directions, expected translation and one or more"),
    ({"directions": []}, "task is 'translation' with 0 directions"), ({"directions": ["en-en"]}, "is not two different languages"),
    ({"back_translation": {"model": "x"}}, "back_translation has a model and no directions"), ({"teacher": {}}, "unknown key 'teacher'"),
])
def test_settings_that_make_no_sense_are_one_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        settings_of(tmp_path, **changes)


def test_a_missing_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is neither a corpus folder nor a table"):
        run_translation_stages(settings_of(tmp_path), lambda stage: no_progress)


def row(source: str, target: str, languages: str, split: str = "train") -> dict[str, Any]:
    first, second = languages.split("-")
    return {"source": source, "target": target, "source_language": first, "target_language": second, "split": split, "domain": "d", "culture": "c",
            "dataset": "s"}


ENGLISH = "The teacher buys a red apple today."
TABLE = [row(ENGLISH, "Der Lehrer kauft heute einen roten Apfel.", "en-de"), row("My sister sees a lamp today.", "我妹妹今天看见一盏灯。", "en-zh"),
         row("My sister sees a lamp today.", "Meine Schwester sieht heute eine Lampe.", "en-de"), row("held out", "nicht gelernt", "en-de", "test")]


def test_sentences_without_a_translation() -> None:
    assert [text for text, _ in untranslated(TABLE[:3], "zh", "en")] == [ENGLISH]
    assert [text for text, _ in untranslated(TABLE[:3], "en", "zh")] == []


def test_back_translation_writes_the_source() -> None:
    config = BackTranslationConfig(model=str(TOY), directions=("zh-en",), pairs=5, num_beams=2)
    assert list(back_translate(TABLE, config)) == [
        {"source": "老师今天买一个红苹果。", "target": ENGLISH, "source_language": "zh", "target_language": "en", "split": "train", "domain": "d",
         "culture": "c", "dataset": "back-translation"}
    ]
    with pytest.raises(ConfigError, match="There is no zh sentence without a en translation; take en-zh out of back_translation"):
        list(back_translate(TABLE, replace(config, directions=("en-zh",))))


def test_back_translated_pairs_are_packed(tmp_path: Path) -> None:
    shutil.copy2(Path(__file__).parents[3] / "data/toy/pairs.jsonl", tmp_path / "toy.jsonl")
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(item) + "\n" for item in TABLE), encoding="utf-8")
    config = settings_of(tmp_path, directions=["zh-en", "en-zh"], development=0,
                         back_translation={"model": str(TOY), "directions": ["zh-en"], "pairs": 5, "num_beams": 1})
    done = run_translation_stages(config, lambda stage: no_progress, stages=("tokenizer", "back_translation", "pack"))
    assert done["back_translation"] == {"pairs": 1} and done["pack"]["rows"] == 4
    assert [item["dataset"] for item in read_pair_table(tmp_path / "run/back_translation.jsonl")] == ["back-translation"]
    (tmp_path / "run/back_translation.jsonl").unlink()
    assert pack_pairs(config, no_progress)["rows"] == 2
