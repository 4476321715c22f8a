"""Visitors of the whole app on tiny models: app.py run by AppTest, with nothing shared between tests."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import ui.culture_panel
import ui.texts
from audit import CultureReport, ProbeSentence, measure_cultures
from models import Classifier
from models.progress import Progress
from tests.tiny_translator import save_tiny_translator
from ui.caches import job_runner
from ui.texts import translate

APP = Path(__file__).parents[2] / "app.py"
PAGES = {"overview": "pages/start/overview.py", "sentiment": "pages/explore/sentiment.py", "translation": "pages/explore/translation.py",
         "cultures": "pages/audit/cultures.py", "models": "pages/library/models.py"}
MARKDOWN = ("markdown", "caption", "title", "header", "subheader", "info", "warning", "error", "success")  # what Streamlit reads as Markdown


class Visitor:
    """One browser tab: what it does, and what it sees."""

    def __init__(self, page: str, **query: str) -> None:
        self.app = AppTest.from_file(str(APP), default_timeout=120)
        self.app.query_params.update(query)
        self.run()
        if page != "overview":
            self.open(page)

    def run(self) -> Visitor:
        self.app.run()
        assert not self.app.exception, [item.message for item in self.app.exception]
        return self

    def open(self, page: str) -> Visitor:
        self.app.switch_page(PAGES[page])
        return self.run()

    def press(self, label: str) -> Visitor:
        next(button for button in self.app.button if button.label == label).click()
        return self.run()

    def ask(self, content: str) -> Visitor:
        self.app.text_area[0].set_value(content)
        return self.press("Explain")

    def translate(self, content: str) -> Visitor:
        self.app.text_area[0].set_value(content)
        return self.press("Translate")

    def settle(self) -> Visitor:
        """Waits for all jobs, then looks again as the polling fragment would, until nothing new is asked for."""
        end = time.monotonic() + 120
        for _ in range(3):
            while self.waits():
                assert time.monotonic() < end, "jobs did not end within two minutes"
                time.sleep(0.02)
            self.run()
            if not self.waits():
                break
        return self

    @staticmethod
    def waits() -> bool:
        """Whether a job of anybody is open."""
        return any(not job.finished for job in list(job_runner()._jobs.values()))

    def seen(self, *kinds: str) -> list[str]:
        return [str(item.value) for kind in kinds or (*MARKDOWN, "text") for item in self.app.get(kind)]

    def rows(self) -> int:
        """Methods whose words are drawn."""
        return sum((row.key or "").startswith("tokens_") for row in self.app.get("bidi_component"))

    def sees(self, key: str, **values: object) -> bool:
        """Whether a text of the English catalogue is on the page."""
        return any(translate("en", key, **values) in shown for shown in self.seen())

    def markdown(self) -> list[str]:
        """Every string on the page that is read as Markdown, labels and help included."""
        found = self.seen(*MARKDOWN)
        for kind in ("button", "expander", "metric", "progress", "text_area", "text_input", "selectbox", "toggle", "button_group", "download_button"):
            for item in self.app.get(kind):
                found += [str(getattr(item, name, "") or "") for name in ("label", "help", "text")]
                found += [str(item.value)] if kind == "metric" else [str(option.content) for option in item.proto.options] if kind == "button_group" else []
        return found


@pytest.fixture(scope="session")
def measured() -> Callable[..., CultureReport]:
    """Measures cultures once for each model: the same weights answer the whole probe in many tests."""
    reports: dict[str, CultureReport] = {}

    def measure(model: Classifier, sentences: Sequence[ProbeSentence], *, progress: Progress) -> CultureReport:
        if model.fingerprint not in reports:
            reports[model.fingerprint] = measure_cultures(model, sentences, progress=progress)
        return reports[model.fingerprint]

    return measure


@pytest.fixture(autouse=True)
def shared(packages_are_read_once: None, measured: Callable[..., CultureReport], monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long and comes out the same for every visitor is done once."""
    monkeypatch.setattr(ui.culture_panel, "measure_cultures", measured)


@pytest.fixture(autouse=True)
def checkpoints(embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkpoints folder with sentiment, distilbert and moods (other labels); caches and jobs are this test's own."""
    root = tmp_path / "checkpoints"
    for source, name in (("bert", "sentiment"), ("distilbert", "distilbert"), ("bert", "moods")):
        shutil.copytree(embedded / source, root / name)
    settings = json.loads((root / "moods" / "config.json").read_text(encoding="utf-8"))
    settings["id2label"] = {"0": "anger", "1": "![x](http://evil.example/a.png)", "2": "<b>joy</b>"}
    settings["label2id"] = {name: int(number) for number, name in settings["id2label"].items()}
    (root / "moods" / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    monkeypatch.setenv("CULTURELENS_CHECKPOINTS", str(root))
    monkeypatch.setattr(logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context"), "disabled", True)  # AppTest asks outside of a run
    st.cache_resource.clear()
    yield root
    runner = job_runner()
    for job in runner._jobs.values():
        job.cancel.set()
    runner._pool.shutdown(wait=True, cancel_futures=True)
    st.cache_resource.clear()


@pytest.fixture(scope="session")
def tiny_translators(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a translator that knows some sentences by heart (translation) and one with random weights (stutterer)."""
    root = tmp_path_factory.mktemp("translators")
    save_tiny_translator(root / "translation")
    save_tiny_translator(root / "stutterer", steps=0)
    return root


@pytest.fixture
def translators(checkpoints: Path, tiny_translators: Path) -> Path:
    """The checkpoints folder with both translators beside the classifiers."""
    for name in ("translation", "stutterer"):
        shutil.copytree(tiny_translators / name, checkpoints / name)
    return checkpoints


@pytest.fixture
def visit() -> Callable[..., Visitor]:
    """Opens a page as a new visitor."""
    return Visitor


@pytest.fixture
def read_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """AppTest formats options outside of the session, where only the default language is known."""

    def choose(lang: str) -> None:
        monkeypatch.setattr(ui.texts, "default_language", lambda: lang)

    return choose


class Slow:
    """Stands in for a method or measurement: reports progress until it is told to end."""

    def __init__(self, answer: Callable[..., Any]) -> None:
        self.answer, self.ended, self.batches = answer, False, 0

    def __call__(self, *args: Any, progress: Callable[[int, int], None], **settings: Any) -> Any:
        while not self.ended:
            self.batches += 1
            progress(min(self.batches, 899), 900)
            time.sleep(0.01)
        return self.answer(*args, progress=progress, **settings)


@pytest.fixture
def slow() -> Iterator[Callable[[Callable[..., Any]], Slow]]:
    """Makes slow versions of functions; all of them end with the test."""
    made: list[Slow] = []

    def make(answer: Callable[..., Any]) -> Slow:
        made.append(Slow(answer))
        return made[-1]

    yield make
    for one in made:
        one.ended = True
