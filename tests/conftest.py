"""Tiny models saved to disk once a worker, what all tests read, and how the suite is dealt out to two workers.

Torch and what needs it are imported where they are used: the process that deals out the tests runs none of them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from models.classifier import Classifier

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores; two threads each would wait for one another. What a test starts inherits it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
TESTS = Path(__file__).parent
WORKERS = 2
BROWSER = "tests/browser/"
FIRST = (BROWSER, "tests/shipped/")  # long, and partly waiting; begun last they would end alone
# Not in every checkout, so coverage must not rest on them; counting their lines would double their time.
UNCOUNTED = ("tests/shipped/", "tests/models/data/test_corpora_as_published.py", "tests/models/data/test_data_pairs_as_published.py")
LABELS = ("negative", "neutral", "positive")
TEXTS = (
    "The film was not bad at all, honestly I loved it.",
    "服务态度真是“好”极了,等了两个小时!",
    "الخدمة كانت سيئة جدا والأكل بارد.",
    "अस्पताल की कैंटीन का खाना अच्छा नहीं था।",
    "บริการดีมากแต่อาหารแพงไปหน่อย",
    "የአዲስ ዓመት ምሳ በጣም ጣፋጭ ነበር።",
    "Meine Oma sagt: gar nicht mal so übel 😀",
    "¡Qué padre estuvo la fiesta, neta! 🎉🎉",
    "昨日のラーメンは最高だった。",
    "오늘 회의는 정말 지루했어요.",
    "Сегодня автобус опять опоздал на час.",
    "האוטובוס איחר שוב, איזה יופי",
)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for the whole suite; a few files are done before a worker has imported torch."""
    whole = {TESTS, TESTS.parent} & {Path(argument).resolve() for argument in config.args}
    return WORKERS if whole and (os.cpu_count() or 1) > 1 else 0


class OneBrowser(LoadScopeScheduling):
    """By module, but all that drives a browser goes to one worker: two browsers with their servers would starve each other on two cores."""

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneBrowser:
    """How the modules are dealt out."""
    return OneBrowser(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules are dealt out in this order."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
    for item in items:
        if item.nodeid.startswith(UNCOUNTED):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def tiny_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoints root with bert, xlm-roberta, distilbert, slow (a tokenizer without offsets) and wide-deep (our own architecture)."""
    from tests.tiny_models import save_tiny_models

    return save_tiny_models(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(scope="session")
def tiny_bert(tiny_checkpoints: Path) -> Classifier:
    """Random BERT with the project's own kind of tokenizer."""
    from models.loading import load_classifier

    return load_classifier(str(tiny_checkpoints / "bert"))


@pytest.fixture(scope="session", params=["bert", "xlm-roberta", "distilbert", "slow", "wide-deep"])
def tiny_classifier(request: pytest.FixtureRequest, tiny_checkpoints: Path) -> Classifier:
    """Each of the tiny models in turn."""
    from models.loading import load_classifier

    return load_classifier(str(tiny_checkpoints / request.param))


@pytest.fixture
def embedded(tiny_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The tiny models in the place of the embedded ones."""
    monkeypatch.setenv("CULTURELENS_CHECKPOINTS", str(tiny_checkpoints))
    yield tiny_checkpoints


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """Coverage follows every line of other people's code, too, to find that it is not ours; in here it does not."""
    counting = Coverage.current()
    if counting is not None:
        counting.stop()
    yield
    if counting is not None:
        counting.start()


@pytest.fixture(scope="session")
def shap_is_compiled() -> None:
    """Its first import warns from inside its own drawing modules, and its first use, for one output or several, compiles it for seconds."""
    with uncounted(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import numpy as np
        from shap import PartitionExplainer

        from benchmarks.shap_masker import TokenMasker
        from xai.shap_values import partition_tree

        tree = partition_tree((0, 1, 2))
        for shape in ((), (2,)):
            explainer = PartitionExplainer(lambda masks, shape=shape: np.ones((len(masks), *shape)), TokenMasker(tree, 3))
            explainer(np.arange(3)[None, :], max_evals=20, silent=True)


@pytest.fixture(scope="session")
def packages_are_read_once() -> Iterator[None]:
    """For each visitor AppTest looks for components in every installed package anew, which takes longer than the pages."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests))
        yield
