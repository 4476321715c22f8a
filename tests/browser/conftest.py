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
