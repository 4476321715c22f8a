"""The catalogues hold the same texts, the code asks for no other, and nothing in them is left over."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from fluent.syntax import FluentParser
from fluent.syntax.ast import Message, VariableReference
from fluent.syntax.visitor import Visitor

from audit import read_probe, read_translation_probe
from audit.projection import PCA_NAME, TSNE_NAME
from models.errors import ConfigError
from ui.attention_drawing import DRAWN
from ui.audit_map import VALUES
from ui.audit_rows import RIGHT, WRONG
from ui.audit_table import PROBE as AUDIT_PROBE
from ui.audit_table import TRANSLATION_PROBE as AUDIT_TRANSLATION_PROBE
from ui.audit_table import UPLOAD
from ui.culture_panel import CORPORA, PROBE
from ui.sentiment_views import VIEWS as SENTIMENT_VIEWS
from ui.texts import FOLDER, LANGUAGES, translate
from ui.translation_alignment import ATTENTION, ATTRIBUTION
from ui.translation_cultures import CARD
from ui.translation_cultures import METRICS as TRANSLATION_METRICS
from ui.translation_cultures import PROBE as TRANSLATION_PROBE
from ui.translation_views import VIEWS
from ui.trust import COLOURS
from ui.words import LABELS
from ui.words import LANGUAGES as NAMED_LANGUAGES
from xai import METHODS, TRANSLATION_METHODS, stability
from xai.rankings import REASONS

ROOT = Path(__file__).parents[2]
CODE = sorted([ROOT / "app.py", *(path for room in ("ui", "pages") for path in (ROOT / room).rglob("*.py"))])
CORE = sorted(path for room in ("models", "xai", "audit", "ui") for path in (ROOT / room).rglob("*.py"))
OVERVIEW = ("overview-see", "overview-compare", "overview-audit")


def error_keys() -> set[str]:
    """Names of sentences that errors carry: InputError("...", key="text-empty")."""
    found = set()
    for path in CORE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith(("Error", "Cancelled")):
                found |= {word.value.value for word in node.keywords if word.arg == "key" and isinstance(word.value, ast.Constant)}
    return found


# What may stand in the gap of a key that the code puts together.
GAPS = {
    "method-{}": {*METHODS, *TRANSLATION_METHODS}, "method-{}-help": set(METHODS), "output-{}": {"probability", "logit", "log_probability"},
    "label-{}": set(LABELS),
    "culture-source-{}": {PROBE, CORPORA}, "culture-{}": {s.culture for s in (*read_probe(), *read_translation_probe())}, "error-{}": error_keys(),
    "phenomenon-{}": {tag for s in (*read_probe(), *read_translation_probe()) for tag in s.phenomena}, "{}-more": set(OVERVIEW),
    "language-{}": set(NAMED_LANGUAGES),
    "trust-dependence-{}": {name.replace(" ", "-") for name in stability.VERDICTS},
    "trust-verdict-{}": {name.replace(" ", "-") for name in COLOURS}, "trust-reason-{}": {name.replace(" ", "-") for name in REASONS if name},
    "audit-source-{}": {UPLOAD, AUDIT_PROBE, AUDIT_TRANSLATION_PROBE}, "audit-{}": {WRONG, RIGHT},
    "audit-map-{}": {TSNE_NAME, PCA_NAME, *VALUES}, "audit-neighbours-{}": {"culture", "label", "wrong"},
    "view-{}": {*VIEWS, *SENTIMENT_VIEWS}, "laboratory-{}": {name.replace("_", "-") for name in DRAWN},
    "alignment-by-{}": {ATTRIBUTION, ATTENTION}, "fares-{}": {*CARD, TRANSLATION_PROBE}, "metric-{}": set(TRANSLATION_METRICS),
}
RESERVED = ("culture-",)  # cultures that may be measured later are named already


class Variables(Visitor):
    """Collects the names of the variables of a message."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_VariableReference(self, node: VariableReference) -> None:  # noqa: N802
        self.names.add(node.id.name)


def messages(lang: str) -> dict[str, set[str]]:
    """Key to variables."""
    found = {}
    for entry in FluentParser().parse((FOLDER / f"{lang}.ftl").read_text(encoding="utf-8")).body:
        if isinstance(entry, Message):
            visitor = Variables()
            visitor.visit(entry)
            assert entry.id.name not in found, f"{lang}.ftl has {entry.id.name} twice"
            found[entry.id.name] = visitor.names
    return found


def pattern(node: ast.expr) -> str | None:
    """A key with gaps as {}, or None where it comes from a name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return "".join(pattern(side) or "{}" for side in (node.left, node.right))
    return None


def calls() -> list[tuple[str, str, set[str]]]:
    """(place, key pattern, variables given) of every text("...") in the pages and what they share."""
    found = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text" and node.args:
                key = pattern(node.args[0])
                if key is not None:
                    found.append((f"{path.name}:{node.lineno}", key, {word.arg or "**" for word in node.keywords}))
    return found


def expand(key: str) -> set[str]:
    return {key.replace("{}", value) for value in GAPS[key]} if "{}" in key else {key}


def test_no_catalogue_has_a_line_that_cannot_be_read() -> None:
    for lang in LANGUAGES:
        body = FluentParser().parse((FOLDER / f"{lang}.ftl").read_text(encoding="utf-8")).body
        assert [entry.content for entry in body if type(entry).__name__ == "Junk"] == []


def test_catalogues_have_the_same_keys_and_variables() -> None:
    assert {path.stem for path in FOLDER.glob("*.ftl")} == set(LANGUAGES)
    first, *others = (messages(lang) for lang in LANGUAGES)
    for other in others:
        assert set(first) == set(other)
        assert {key: names for key, names in first.items() if other[key] != names} == {}


def test_every_key_the_code_asks_for_exists_with_its_variables() -> None:
    known = messages("en")
    asked = calls()
    assert len(asked) > 60
    for place, key, given in asked:
        assert "{}" not in key or key in GAPS, f"{place} puts together {key}; say in GAPS what may stand there"
        for whole in expand(key):
            assert whole in known, f"{place} asks for {whole}"
            assert "**" in given or known[whole] == given, f"{place} gives {given} for {whole}, which has {known[whole]}"


def test_every_text_is_used() -> None:
    used = {whole for _, key, _ in calls() for whole in expand(key)}
    for path in CODE:  # keys that stand in a tuple or dict first
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    left = {key for key in messages("en") if key not in used and not key.startswith(RESERVED)}
    assert left == set(), "drop these texts from the catalogues"


def test_every_error_with_a_key_has_its_sentence() -> None:
    assert {"text-empty", "text-invisible", "text-no-token", "busy-queue", "cancelled"} <= error_keys()
    for lang in LANGUAGES:
        assert {f"error-{key}" for key in error_keys()} <= set(messages(lang))


def test_every_method_and_label_is_named() -> None:
    for lang in LANGUAGES:
        assert translate(lang, "method-shap") == "SHAP"
        names = [translate(lang, f"method-{name}") for name in METHODS]
        assert len(set(names)) == len(METHODS) == 7
    assert [translate("zh", f"label-{label}") for label in LABELS] == ["负面", "中性", "正面"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_missing_key_is_an_error(lang: str) -> None:
    with pytest.raises(ConfigError, match=rf"catalogue {lang}\.ftl has no text 'nav-nowhere'; add it to every file in locales/"):
        translate(lang, "nav-nowhere")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_missing_value_is_an_error(lang: str) -> None:
    with pytest.raises(ConfigError, match=r"'attention-layer-n' .* cannot be formatted: .*n"):
        translate(lang, "attention-layer-n")


def test_values_stand_in_the_text_without_isolating_marks() -> None:
    assert translate("en", "culture-wrong", name="irony", errors=3, count=4) == "irony 3/4"
    assert translate("zh", "attention-layer-n", n=2) == "第 2 层"
