"""Models and the runner are shared by all visitors; what a visitor loaded is listed for this visitor only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from models.errors import CheckpointError
from tests.tiny_translator import save_tiny_translator
from ui.caches import classifier, job_runner, shown_first, task_of, translator

LIST = """
import streamlit as st
from ui import state
from ui.caches import active_model, job_runner, model_names
st.session_state.setdefault(state.LOADED, {loaded!r})
st.session_state.setdefault(state.MODEL, {chosen!r})
st.text(" ".join(model_names()))
st.text(active_model().name)
st.text(id(job_runner()))
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No cache of one test is seen by the next."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def shown(chosen: str | None = None, loaded: tuple[str, ...] = ()) -> list[str]:
    app = AppTest.from_string(LIST.format(chosen=chosen, loaded=list(loaded)), default_timeout=60).run()
    assert not app.exception
    return [item.value for item in app.text]


def test_a_model_is_loaded_once(embedded: Path) -> None:
    first = classifier("bert")
    assert classifier("bert") is first
    assert classifier("distilbert") is not first
    assert first.predict(["ok"])[0].label in first.labels


def test_a_model_that_cannot_be_loaded_is_tried_again(embedded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        classifier(str(folder))
    shutil.copytree(embedded / "bert", folder, dirs_exist_ok=True)
    assert classifier(str(folder)).name == "own"


def test_visitors_share_the_runner_but_not_what_they_loaded(embedded: Path, tmp_path: Path) -> None:
    own = shutil.copytree(embedded / "bert", tmp_path / "own")
    names, active, runner = shown(chosen=str(own), loaded=(str(own), "bert"))
    assert names.split() == ["bert", "distilbert", "slow", "wide-deep", "xlm-roberta", str(own)]
    assert active == "own"
    others, their_active, their_runner = shown()
    assert others.split() == ["bert", "distilbert", "slow", "wide-deep", "xlm-roberta"]
    assert their_active == "bert", "without one named sentiment the first is taken"
    assert their_runner == runner == str(id(job_runner()))


def test_an_unknown_choice_falls_back(embedded: Path) -> None:
    assert shown(chosen="../../etc/passwd")[1] == "bert"


def test_without_any_model_the_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CULTURELENS_CHECKPOINTS", str(tmp_path))
    app = AppTest.from_string("from ui.caches import active_model\nfrom ui.errors import shown_errors\nwith shown_errors():\n    active_model()",
                              default_timeout=60).run()
    assert app.text[0].value.startswith("There is no model 'sentiment'; give one of the embedded names (none)")


def test_a_translator_is_loaded_once_and_told_from_a_classifier(embedded: Path, tmp_path: Path) -> None:
    own = str(save_tiny_translator(tmp_path / "own", steps=0))
    assert [task_of(name) for name in ("bert", "wide-deep", own)] == ["sentiment", "sentiment", "translation"]
    assert translator(own) is translator(own)
    names, _, _ = shown(loaded=(own, "bert"))
    assert own not in names.split()
    with pytest.raises(CheckpointError, match="without encoder and decoder"):
        translator("bert")


def test_settings_that_cannot_be_read_or_that_changed(embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "checkpoints"
    save_tiny_translator(root / "model", steps=0)
    monkeypatch.setenv("CULTURELENS_CHECKPOINTS", str(root))
    assert task_of("model") == "translation"
    (root / "model" / "config.json").write_text("{", encoding="utf-8")
    assert task_of("model") == "sentiment", "whose page says what is wrong"
    assert task_of("nowhere") == "sentiment"


def test_the_model_shown_first_is_called_like_its_task() -> None:
    assert shown_first("translation", ["a", "translation"]) == "translation"
    assert shown_first("translation", ["a", "b"]) == "a"
    assert shown_first("translation", []) == "translation"


def test_how_many_threads_there_are_says_torch() -> None:
    """Or OMP_NUM_THREADS; more than the machine may use wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    job_runner.clear()
    job_runner()
    found = torch.get_num_threads()
    torch.set_num_threads(before)
    assert found == 1
