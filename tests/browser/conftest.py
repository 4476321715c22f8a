"""The app served by a real server, and a page of a real Chromium that collects console errors."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LABELLED = """() => [...document.querySelectorAll('.js-plotly-plot')].every(plot => [...plot.querySelectorAll('.ytick text')].every(
    label => label.getBoundingClientRect().left >= plot.getBoundingClientRect().left - 1))"""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Visit:
    """An open page and what its console complained about."""

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)


def chromium() -> str | None:
    """Path of the Chromium found on this machine."""
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def serving(checkpoints: Path = ROOT / "checkpoints") -> Iterator[str]:
    """Address of the app on the embedded models, or on those of another folder, on a server of its own."""
    if not any(checkpoints.glob("*/config.json")):
        pytest.skip("there is no model under checkpoints/; train one or restore it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "CULTURELENS_CHECKPOINTS": str(checkpoints)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for_health(url, process)
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def first_visit(browser: Any) -> Iterator[Visit]:
    """The first visitor of a new server, to whom Streamlit behaves otherwise, and who comes by a link."""
    with serving() as url, visiting(browser, url) as visit:
        visit.page.goto(f"{url}/sentiment?lang=zh")
        visit.page.get_by_role("heading").first.wait_for()  # of whatever page; before it somebody else could still be the first
        yield visit


@pytest.fixture(scope="session")
def server(first_visit: Visit, browser: Any) -> str:
    """The address of that server, which all tests share, once it has had a visitor."""
    visit_first(browser, first_visit.url)
    return first_visit.url


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an embedded classifier and a translator that knows some sentences by heart."""
    from tests.tiny_translator import save_tiny_translator

    root = tmp_path_factory.mktemp("checkpoints")
    save_tiny_translator(root / "translation")
    classifier = next(path.parent for path in sorted((ROOT / "checkpoints").glob("*/config.json")) if "translat" not in path.parent.name)
    shutil.copytree(classifier, root / "sentiment")
    return root


@pytest.fixture(scope="session")
def address(browser: Any, checkpoints: Path) -> Iterator[str]:
    """A server of this folder that has had its first visitor."""
    with serving(checkpoints) as url:
        visit_first(browser, url)
        yield url


def visit_first(browser: Any, url: str) -> None:
    """Opens the first page and leaves."""
    first = browser.new_page()
    first.goto(url)
    first.get_by_role("heading", name="CultureLens", exact=True).first.wait_for(timeout=60_000)
    first.close()


def wait_for_health(url: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until the server says ok."""
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail("the server ended before it was healthy")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    pytest.fail("the server was not healthy within a minute")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install -r requirements-dev.txt")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium was found; install it or set CHROMIUM to its path")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser: Any, server: str) -> Iterator[Visit]:
    """A fresh visitor; console errors and failed scripts are collected."""
    with visiting(browser, server) as visit:
        yield visit


@contextlib.contextmanager
def visiting(browser: Any, url: str, **settings: Any) -> Iterator[Visit]:
    """A fresh visitor of a server, whose browser has these settings on top of its own."""
    context = browser.new_context(**{"viewport": {"width": 1500, "height": 1300}, "locale": "en-US", **settings})
    page = context.new_page()
    page.set_default_timeout(60_000)
    visit = Visit(page, url)

    def hear(message: Any) -> None:
        # On a deep link Streamlit looks for its server under the page's own path first, then at the root.
        place = message.location.get("url", "")
        if message.type == "error" and not re.search(r"/(overview|sentiment|translation|cultures|models)/_stcore/(health|host-config)$", place):
            visit.complaints.append(f"{message.text} {place}")

    page.on("console", hear)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield visit
    context.close()


def rest(page: Any) -> None:
    """Waits until nothing is running any more."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(state="attached")


def upload_table(visit: Visit, content: bytes, name: str, lang: str = "en") -> Any:
    """The page of the audit with a table uploaded, in a tall window."""
    page = visit.page
    page.set_viewport_size({"width": 1500, "height": 2600})
    page.goto(f"{visit.url}/cultures?lang={lang}")
    page.get_by_role("heading", name="For whom does it fail?" if lang == "en" else "它在谁身上出错？").wait_for()
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
    page.get_by_text(f"{name}: " if lang == "en" else f"{name}：").wait_for()
    return page


def press_audit(page: Any, lang: str = "en") -> None:
    """Has the table audited and waits for what was found."""
    page.get_by_role("button", name="Audit" if lang == "en" else "审计", exact=True).click()
    page.get_by_role("heading", name="What was found" if lang == "en" else "结果").wait_for(timeout=180_000)
    page.locator(".st-key-audit_dots .point").first.wait_for()


def click_square(page: Any, number: int) -> None:
    """Clicks a square of the confusion, counted row by row."""
    square = page.locator(".st-key-audit_confusion .point").nth(number)
    square.scroll_into_view_if_needed()
    middle = square.bounding_box()
    page.mouse.move(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    page.locator(".st-key-audit_confusion .hoverlayer .hovertext").wait_for()
    page.mouse.down()
    page.mouse.up()


def pick_first_row(page: Any) -> None:
    """Ticks the box before the first row that is shown."""
    frame = page.locator(".st-key-audit_rows canvas").first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 52)


def download(page: Any, button: Any) -> Path:
    """The file that a button saves."""
    with page.expect_download(timeout=120_000) as waiting:
        button.click()
    return Path(waiting.value.path())


@contextlib.contextmanager
def reading_card(browser: Any, card: Path, folder: Path) -> Iterator[Visit]:
    """A saved audit card opened without a network, once all of its figures are drawn; raises AssertionError where one is wider than its place."""
    path = folder / "card.html"
    shutil.copy(card, path)
    with visiting(browser, "file://", offline=True) as alone:
        alone.page.goto(path.as_uri())
        alone.page.locator(".js-plotly-plot .main-svg").last.wait_for()
        alone.page.wait_for_function(LABELLED)  # margins are made for the labels once these are drawn
        widths = alone.page.locator(".js-plotly-plot").evaluate_all(
            "plots => plots.map(plot => [plot.parentElement.clientWidth, plot.querySelector('.main-svg').getBoundingClientRect().width])")
        assert widths and all(abs(place - drawn) < 2 for place, drawn in widths), widths
        yield alone
