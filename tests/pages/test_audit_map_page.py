"""The map of an audit's texts, as a visitor of the audit page asks for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st

import ui.audit_map
from audit import AuditResult
from audit.neighbours import find_neighbours
from audit.row_map import RowMap, map_rows
from models.embedding import embed_texts
from models.loading import load_classifier
from ui import state
from ui.caches import job_runner
from ui.texts import translate
from ui.words import plain

Visit = Callable[..., Any]
LABELS = ("negative", "neutral", "positive")
WORDS = ("soup", "=tea", "bread", "rain", "<b>bus</b>", "[link](http://evil.example)")
RUN = translate("en", "audit-map-run")
TEXTS = [f"the {WORDS[number % 6]} and {WORDS[number // 6 % 6]}" for number in range(40)]
ROWS = [(TEXTS[number], LABELS[number % 3], LABELS[(number + (number % 5 == 0)) % 3], culture) for culture in ("de", "hi") for number in range(40)]


def audit(visitor: Any, lang: str = "en") -> Any:
    content = "\n".join(["text,label,prediction,culture", *(",".join(row) for row in ROWS)]) + "\n"
    visitor.app.get("file_uploader")[0].set_value(("rows.csv", content.encode(), "text/csv"))
    return visitor.run().press(translate(lang, "audit-run")).settle()


def set_value(visitor: Any, kind: str, key: str, value: object) -> Any:
    next(box for box in getattr(visitor.app, kind) if box.key == key).set_value(value)
    return visitor.run()


def found_by(visitor: Any) -> RowMap | None:
    found: RowMap | None = job_runner().result(visitor.app.session_state[state.AUDIT_MAP])
    return found


@pytest.fixture
def audited(visit: Visit) -> Any:
    """A visitor who had an uploaded table audited, and chose PCA."""
    return set_value(audit(visit("cultures")), "selectbox", "audit_map_method", "pca")


def figure(visitor: Any) -> dict[str, Any]:
    chart = next(chart for chart in visitor.app.get("plotly_chart") if ui.audit_map.FIGURE in chart.proto.id)
    spec: dict[str, Any] = json.loads(chart.proto.spec)
    return spec


def test_nothing_is_placed_before_somebody_asks(audited: Any) -> None:
    assert audited.sees("audit-map-title") and state.AUDIT_MAP not in audited.app.session_state
    assert not audited.sees("audit-map-select") and not audited.sees("audit-neighbours-note")


def test_the_map_is_that_of_the_function_in_every_colour(audited: Any) -> None:
    audited.press(RUN).settle()
    expected = map_rows(load_classifier("sentiment"), [row[0] for row in ROWS], np.array([0] * 40 + [1] * 40), method="pca")
    found = found_by(audited)
    assert found is not None and found.to_json_dict() == expected.to_json_dict()
    assert audited.sees("audit-map-sample", placed="80", count="80", model="sentiment")
    traces = figure(audited)["data"]
    assert [len(trace["customdata"]) for trace in traces] == [40, 40]
    assert {data[0] for trace in traces for data in trace["customdata"]} == set(range(1, 81))
    for value, sizes in (("label", [28, 26, 26]), ("error", [64, 16])):
        next(group for group in audited.app.button_group if group.key == "audit_map_colour").set_value(value)
        audited.run()
        assert [len(trace["customdata"]) for trace in figure(audited)["data"]] == sizes
    assert not any("](http://evil" in shown or "<b>" in shown for shown in audited.markdown())
    assert not any("<b>" in data[1] for trace in figure(audited)["data"] for data in trace["customdata"])


def test_a_selection_filters_the_rows_and_the_words(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    audited.press(RUN).settle()
    chosen, draw = [3, 4, 50, 999], st.plotly_chart
    points = [{"customdata": [number, "", ""]} for number in chosen]

    def select(*args: Any, **settings: Any) -> Any:
        drawn = draw(*args, **settings)
        return SimpleNamespace(selection=SimpleNamespace(points=points)) if settings.get("key") == ui.audit_map.FIGURE else drawn

    monkeypatch.setattr(st, "plotly_chart", select)
    audited.run()
    assert audited.app.session_state[state.AUDIT_MAPPED] == (3, 4, 50)  # what is no row of the map is not believed
    assert audited.sees("audit-mapped", count="3") and audited.sees("audit-found", count="3", total="80")
    confusion = next(chart for chart in audited.app.get("plotly_chart") if "audit_map_confusion" in chart.proto.id)
    counts = [[0] * 3 for _ in LABELS]
    for number in (3, 4, 50):
        counts[LABELS.index(ROWS[number - 1][1])][LABELS.index(ROWS[number - 1][2])] += 1
    packed = json.loads(confusion.proto.spec)["data"][0]["text"]
    assert np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"]).reshape(3, 3).tolist() == counts
    next(box for box in audited.app.number_input if box.key == "audit_attributions_rows").set_value(20)
    next(box for box in audited.app.selectbox if box.key == "audit_attributions_method").set_value("occlusion")
    audited.run().press(translate("en", "audit-attributions-run")).settle()
    assert audited.sees("audit-attributions-sample", explained="3", count="3", seed="1", method="Occlusion", model="sentiment")
    assert audited.sees("audit-shares-title") and audited.sees("audit-shares-note", minimum="5")
    points.clear()
    audited.run()
    assert audited.sees("audit-found", count="80", total="80") and not audited.sees("audit-mapped", count="3")


def test_another_setting_hides_the_map_and_its_selection(audited: Any) -> None:
    audited.press(RUN).settle()
    audited.app.session_state[state.AUDIT_MAPPED] = (1, 2)
    set_value(audited, "number_input", "audit_map_rows", 50)
    assert not audited.sees("audit-map-select") and state.AUDIT_MAPPED not in audited.app.session_state
    assert audited.sees("audit-found", count="80", total="80")


def test_the_nearest_rows_of_a_typed_text(audited: Any) -> None:
    audited.press(RUN).settle()
    typed = "the soup and rain"
    set_value(audited, "text_input", "audit_neighbours_typed", typed)
    model, found = load_classifier("sentiment"), found_by(audited)
    assert found is not None
    wrong = np.array([label != said for _, label, said, _ in ROWS])
    near = find_neighbours(found.embeddings, embed_texts(model, [typed])[1][0], {"wrong": wrong})
    trait = near.traits["wrong"]
    assert audited.sees("audit-neighbours-wrong", value="", found=str(trait.found), count="10", chance="20", p=f"{trait.p_value:.3f}")
    frame = next(frame.value for frame in audited.app.dataframe if "Distance" in frame.value.columns)
    assert (frame["audit_row"] - 1).tolist() == near.places.tolist() and frame["text"].tolist() == [ROWS[place][0] for place in near.places]
    assert frame["Distance"].tolist() == pytest.approx(near.distances, abs=1e-4)
    set_value(audited, "text_input", "audit_neighbours_typed", "\u200b")
    assert audited.sees("error-text-invisible")


def test_the_nearest_rows_of_a_picked_row(audited: Any) -> None:
    audited.press(RUN).settle()
    result: AuditResult = job_runner().result(audited.app.session_state[state.AUDIT_KEY])
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:  # AppTest cannot tick a row of a table
        patch.setattr(st, "markdown", lambda content: shown.append(content))
        patch.setattr(st, "dataframe", lambda frame, **settings: shown.append(str(frame["audit_row"].tolist())))
        patch.setattr(st, "caption", shown.append)
        patch.setattr("ui.audit_neighbours.st.session_state", {state.AUDIT_MAP: audited.app.session_state[state.AUDIT_MAP]})
        ui.audit_neighbours.show_row_neighbours(result, 5)
    found = found_by(audited)
    assert found is not None
    traits = {"culture": np.array([row[3] == "de" for row in ROWS]), "label": np.array([row[1] == ROWS[4][1] for row in ROWS]),
              "wrong": np.array([row[1] != row[2] for row in ROWS])}
    near = find_neighbours(found.embeddings, found.embeddings[4], traits, own=4)
    for name, value in (("culture", "de"), ("label", translate("en", f"label-{ROWS[4][1]}")), ("wrong", "")):
        trait = near.traits[name]
        assert translate("en", f"audit-neighbours-{name}", value=value, found=str(trait.found), count="10", chance=f"{trait.chance:.0f}",
                         p=f"{trait.p_value:.3f}") in shown
    assert str((near.places + 1).tolist()) in shown


def test_it_can_be_cancelled(audited: Any, slow: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui.audit_map, "map_rows", slow(map_rows))
    audited.press(RUN)
    job = job_runner().job(audited.app.session_state[state.AUDIT_MAP])
    assert job is not None and not job.finished
    audited.press(translate("en", "why-cancel")).settle()
    assert job.state == "cancelled" and audited.sees("job-cancelled") and found_by(audited) is None


def test_the_model_is_chosen_where_the_table_brings_predictions(audited: Any) -> None:
    set_value(audited, "selectbox", "audit_map_model", "distilbert").press(RUN).settle()
    found = found_by(audited)
    assert found is not None and found.signature["model"]["name"] == "distilbert"
    assert audited.sees("audit-map-sample", placed="80", count="80", model=plain("distilbert"))


def test_it_speaks_chinese(visit: Visit, read_in: Callable[[str], None]) -> None:
    read_in("zh")
    visitor = set_value(audit(visit("cultures", lang="zh"), "zh"), "selectbox", "audit_map_method", "pca")
    visitor.press(translate("zh", "audit-map-run")).settle()
    assert any(translate("zh", "audit-map-sample", placed="80", count="80", model="sentiment") in shown for shown in visitor.seen())
    assert any("可信度" in shown for shown in visitor.seen())
