"""Folders that strangers wrote: loaded with the same numbers, or refused with one sentence that names the fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models import list_checkpoints, load_classifier, loading
from models.classifier import Classifier
from models.errors import CheckpointError
from tests.conftest import LABELS, TEXTS
from tests.tiny_translator import save_tiny_translator

Copy = Callable[..., Path]
Weights = dict[str, torch.Tensor]


def change_weights(folder: Path, change: Callable[[Weights], Weights]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def test_what_is_loaded(tiny_bert: Classifier) -> None:
    assert tiny_bert.labels == LABELS
    assert tiny_bert.name == "bert"
    assert tiny_bert.max_length == 64
    assert not tiny_bert.model.training
    assert tiny_bert.model.config._attn_implementation == "eager"
    assert not any(values.requires_grad for values in tiny_bert.model.parameters())
    assert len(tiny_bert.fingerprint) == 64
    assert tiny_bert.card == {}


def test_save_and_load_give_the_same_logits(tiny_classifier: Classifier, tmp_path: Path) -> None:
    tiny_classifier.model.save_pretrained(tmp_path)
    tiny_classifier.tokenizer.save_pretrained(tmp_path)
    again = load_classifier(str(tmp_path)).predict(TEXTS)
    assert [row.probabilities for row in again] == [row.probabilities for row in tiny_classifier.predict(TEXTS)]


def test_half_precision_weights_are_computed_in_float32(copy_of: Copy, tiny_bert: Classifier) -> None:
    folder = copy_of("bert", dtype="float16", torch_dtype="float16")
    change_weights(folder, lambda weights: {name: values.half() for name, values in weights.items()})
    loaded = load_classifier(str(folder))
    assert {values.dtype for values in loaded.model.parameters()} == {torch.float32}
    change_weights(folder, lambda weights: {name: values.float() for name, values in weights.items()})
    assert loaded.predict(TEXTS) == load_classifier(str(folder)).predict(TEXTS) != tiny_bert.predict(TEXTS)


def without_head(weights: Weights) -> Weights:
    return {name: values for name, values in weights.items() if "classifier" not in name}


@pytest.mark.parametrize(("change", "sentence"), [
    (without_head, "has no weights for classifier.bias and would answer at random"),
    (lambda weights: {**weights, "classifier.bias": torch.tensor([0.0, float("nan"), 0.0])}, "weights classifier.bias .* are not finite"),
    (lambda weights: {**weights, "classifier.bias": torch.tensor([0.0, float("inf"), 0.0])}, "weights classifier.bias .* are not finite"),
    (lambda weights: {**weights, "classifier.bias": torch.zeros(4)}, "weights of .* cannot be read"),
], ids=["no-head", "nan", "infinite", "shape"])
def test_bad_weights_are_refused(copy_of: Copy, change: Callable[[Weights], Weights], sentence: str) -> None:
    folder = copy_of("bert")
    change_weights(folder, change)
    with pytest.raises(CheckpointError, match=sentence):
        load_classifier(str(folder))


@pytest.mark.parametrize("length", [0, 7, 5_000, -1])
def test_half_written_weights_are_refused(copy_of: Copy, length: int) -> None:
    path = copy_of("bert") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"weights of .* cannot be read .* a whole safetensors file of a classifier is needed"):
        load_classifier(str(path.parent))


def test_pickled_weights_are_never_opened(copy_of: Copy) -> None:
    folder = copy_of("bert")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no file named model.safetensors"):
        load_classifier(str(folder))


@pytest.mark.parametrize("model_type", ["bert", "unheard-of"])
def test_code_of_strangers_never_runs(copy_of: Copy, model_type: str, tmp_path: Path, tiny_bert: Classifier) -> None:
    code = {"AutoConfig": "theirs.TheirConfig", "AutoModelForSequenceClassification": "theirs.TheirModel"}
    folder = copy_of("bert", auto_map=code, model_type=model_type)
    trace = tmp_path / "trace"
    (folder / "theirs.py").write_text(f"open({str(trace)!r}, 'w').close()\n", encoding="utf-8")
    if model_type == "bert":
        assert load_classifier(str(folder)).predict(["ok"]) == tiny_bert.predict(["ok"])
    else:
        with pytest.raises(CheckpointError, match="contains custom code"):
            load_classifier(str(folder))
    assert not trace.exists()


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"wide_buckets": 2**50}, "would have about [0-9,]{15,} parameters, the limit is 3,000,000,000"),
    ({"longest_piece": 10**12}, "would have about [0-9,]{15,} parameters, the limit is 3,000,000,000"),
    ({"wide_experts": 10**12}, "would have about [0-9,]{15,} parameters, the limit is 3,000,000,000"),
    ({"wide_buckets": 500}, "settings of .* cannot be read .*wide_buckets is 500, expected a power of two"),
    ({"wide_share": 1.5}, r"settings of .* cannot be read .*wide_share is 1\.5, expected 0 to 1"),
    ({"wide_experts": -5}, "settings of .* cannot be read .*wide_experts is -5"),
    ({"longest_piece": 0}, "settings of .* cannot be read .*longest_piece is 0"),
    ({"wide_buckets": "x"}, "settings of .* cannot be read .*wide_buckets"),
    ({"wide_experts": None}, "settings of .* cannot be read .*wide_experts"),
    ({"wide_share": "a"}, "settings of .* cannot be read .*wide_share"),
    ({"wide_experts": 3}, "weights of .* cannot be read"),
])
def test_settings_of_a_wide_half_that_make_no_sense_are_refused(
    tiny_checkpoints: Path, tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    folder = shutil.copytree(tiny_checkpoints / "wide-deep", tmp_path / "m")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **settings}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=sentence):
        load_classifier(str(folder))


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"id2label": {"0": "good", "1": "good", "2": "bad"}}, r"names the labels \['good', 'good', 'bad'\], expected different names"),
    ({"id2label": {"1": "a", "2": "b", "3": "c"}}, r"numbers its labels \[1, 2, 3\], expected \[0, 1, 2\]; mend id2label"),
    ({"id2label": {"0": "only"}}, "has 1 label, expected at least 2"),
    ({"id2label": ["a", "b"]}, "settings of .* cannot be read"),
    ({"vocab_size": 10**12}, "would have about [0-9,]{15,} parameters, the limit is 3,000,000,000"),
    ({"num_hidden_layers": 10**9}, "the limit is 3,000,000,000"),
    ({"hidden_size": "32"}, "settings of .* cannot be read"),
    ({"hidden_size": -32}, "weights of .* cannot be read"),
    ({"vocab_size": 50}, "weights of .* cannot be read"),
    ({"num_hidden_layers": 3}, "has no weights for bert.encoder.layer.2"),
    ({"model_type": "marian"}, "cannot be read"),
])
def test_bad_settings_are_refused(copy_of: Copy, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence):
        load_classifier(str(copy_of("bert", **settings)))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"hidden_size": 32}', "\x00", "null"])
def test_broken_settings_are_refused(copy_of: Copy, content: str) -> None:
    folder = copy_of("bert")
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"settings of .* cannot be read .*; fetch the model again"):
        load_classifier(str(folder))


def test_positions_of_roberta_types_count_from_the_padding(copy_of: Copy, tiny_checkpoints: Path) -> None:
    assert load_classifier(str(tiny_checkpoints / "xlm-roberta")).max_length == 64  # of 66 positions
    with pytest.raises(CheckpointError, match="has no pad_token_id, from which its positions count"):
        load_classifier(str(copy_of("xlm-roberta", pad_token_id=None)))


@pytest.mark.parametrize(("stated", "length"), [(None, 64), (10**30, 64), (0, 64), (20, 20), (3, 3)])
def test_the_shorter_length_counts(copy_of: Copy, change_settings: Callable[..., None], stated: object, length: int) -> None:
    folder = copy_of("bert")
    change_settings(folder / "tokenizer_config.json", model_max_length=stated)
    loaded = load_classifier(str(folder))
    assert loaded.max_length == length
    assert loaded.predict(["ok ok ok " * 40])[0].truncated_at is not None


@pytest.mark.parametrize("stated", [-1, 1, 2, "many"])
def test_a_length_without_room_is_refused(copy_of: Copy, change_settings: Callable[..., None], stated: object) -> None:
    folder = copy_of("bert")
    change_settings(folder / "tokenizer_config.json", model_max_length=stated)
    with pytest.raises(CheckpointError, match=f"model_max_length {stated!r}, which leaves a text no room"):
        load_classifier(str(folder))


def test_tokenizer_of_another_model_is_refused(copy_of: Copy) -> None:
    folder = copy_of("bert", vocab_size=270)
    name = "bert.embeddings.word_embeddings.weight"
    change_weights(folder, lambda weights: {**weights, name: weights[name][:270].clone()})
    with pytest.raises(CheckpointError, match=r"gives ids up to \d+, the model knows 270; save model and tokenizer together"):
        load_classifier(str(folder))


def test_missing_and_broken_tokenizers_are_refused(copy_of: Copy) -> None:
    folder = copy_of("bert")
    (folder / "tokenizer.json").write_text('{"version": "1.0"', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tokenizer of .* cannot be read"):
        load_classifier(str(folder))
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(CheckpointError, match="has no tokenizer; save the tokenizer into the same folder"):
        load_classifier(str(folder))


def test_an_empty_tokenizer_is_refused(tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading.AutoTokenizer, "from_pretrained", lambda *args, **settings: [])
    with pytest.raises(CheckpointError, match=r"tokenizer of .* is empty"):
        load_classifier(str(tiny_checkpoints / "bert"))


def test_names_of_embedded_models(embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_checkpoints() == ["bert", "distilbert", "slow", "wide-deep", "xlm-roberta"]
    assert load_classifier("bert").fingerprint == load_classifier(str(embedded / "bert")).fingerprint
    monkeypatch.setenv(loading.ROOT_VARIABLE, str(embedded / "nowhere"))
    assert list_checkpoints() == []
    monkeypatch.delenv(loading.ROOT_VARIABLE)
    assert loading.checkpoints_root() == Path(loading.__file__).parents[1] / "checkpoints"


@pytest.mark.parametrize("name", ["nowhere", "../bert", "a/b/c", "a" * 5_000, "\x00", "owner/..", "-/x", "http://x/y", "ü/ß"])
def test_unknown_names_are_refused(embedded: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"There is no model .*\(bert, distilbert, slow, wide-deep, xlm-roberta\), a folder, or owner/name"):
        load_classifier(name)


def test_a_folder_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config.json; give a folder that save_pretrained wrote"):
        load_classifier(str(tmp_path))


def test_a_hub_model_is_named_by_its_id(tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch, tiny_bert: Classifier) -> None:
    asked = []
    for auto in (loading.AutoConfig, loading.AutoTokenizer, loading.AutoModelForSequenceClassification):
        def fetch(source: str, *, own: Any = auto.from_pretrained, **settings: Any) -> Any:
            asked.append((source, settings["trust_remote_code"], settings.get("use_safetensors")))
            return own(str(tiny_checkpoints / "bert"), **settings)

        monkeypatch.setattr(auto, "from_pretrained", fetch)
    loaded = load_classifier("owner/tiny")
    assert [call for call in asked if call[0] == "owner/tiny"] == [("owner/tiny", False, None), ("owner/tiny", False, None), ("owner/tiny", False, True)]
    assert loaded.name == "owner/tiny"
    assert loaded.card == {}
    assert loaded.predict(TEXTS) == tiny_bert.predict(TEXTS)
    loaded.model.register_buffer("scale", torch.tensor(1.0))  # without a dimension, as some models have
    with torch.no_grad():
        before = loading._fingerprint(Path("owner/tiny"), loaded.model)
        loaded.model.scale += 1
    assert loading._fingerprint(Path("owner/tiny"), loaded.model) != before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "spiece.model"])
def test_fingerprint_depends_on_what_decides(copy_of: Copy, tiny_bert: Classifier, name: str) -> None:
    folder = copy_of("bert")
    if name == "model.safetensors":
        change_weights(folder, lambda weights: {**weights, "classifier.bias": weights["classifier.bias"] + 1})
    else:
        path = folder / name
        path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
    assert load_classifier(str(folder)).fingerprint != tiny_bert.fingerprint


def test_fingerprint_leaves_the_card_out(copy_of: Copy) -> None:
    folder = copy_of("bert")
    before = load_classifier(str(folder)).fingerprint
    (folder / "README.md").write_text("---\nlanguage: [de]\n---\nText\n", encoding="utf-8")
    (folder / "evaluation.json").write_text('{"headline": {}}', encoding="utf-8")
    loaded = load_classifier(str(folder))
    assert loaded.fingerprint == before
    assert loaded.card == {"metadata": {"language": ["de"]}, "text": "Text\n", "evaluation": {"headline": {}}}


@pytest.mark.parametrize("front", ["date: 2024-13-45", "- a list", "[" * 1_000, "a: [", "just words", ""])
def test_a_broken_card_is_an_empty_one(copy_of: Copy, front: str) -> None:
    folder = copy_of("bert")
    (folder / "README.md").write_text(f"---\n{front}\n---\nText", encoding="utf-8")
    assert load_classifier(str(folder)).card == {"metadata": {}, "text": "Text"}


@pytest.mark.parametrize("content", [b"", b"{", b"3", b"[1]", b"[" * 100_000, b"\xff"], ids=range(6))
def test_a_broken_evaluation_is_an_empty_one(copy_of: Copy, content: bytes) -> None:
    folder = copy_of("bert")
    (folder / "README.md").write_text("no front matter", encoding="utf-8")
    (folder / "evaluation.json").write_bytes(content)
    assert load_classifier(str(folder)).card == {"evaluation": {}}


def test_the_task_is_told_from_the_settings_alone(copy_of: Copy, tiny_checkpoints: Path, tmp_path: Path) -> None:
    assert loading.read_task(str(tiny_checkpoints / "bert")) == "sentiment"
    translator = save_tiny_translator(tmp_path / "translator", steps=0)
    (translator / "model.safetensors").unlink()
    assert loading.read_task(str(translator)) == "translation"
    (translator / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="The settings of"):
        loading.read_task(str(translator))
