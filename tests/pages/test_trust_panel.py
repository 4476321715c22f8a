"""Whether the explanations of the sentiment page can be trusted, as a visitor asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ui import state
from ui.caches import classifier, job_runner
from ui.texts import translate
from ui.trust import badge
from xai import METHODS
from xai.faithfulness import measure_faithfulness
from xai.rankings import measure_ranking
from xai.trust_figures import deletion_curves

Visit = Callable[..., Any]
FILM = "The film was not bad at all, honestly I loved it and so did the others."


def test_every_explanation_gets_its_verdict(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    assert state.TRUST not in visitor.app.session_state
    visitor.app.button("trust_run").click()
    visitor.run().settle()
    found = job_runner().result(visitor.app.session_state[state.TRUST])
    assert [one.method for one in found] == list(METHODS)
    model = classifier("sentiment")
    for one in found:
        own = measure_faithfulness(model, METHODS[one.method](model, FILM, one.target, seed=0))
        assert (own.measures.verdict, own.measures.comprehensiveness) == (one.measures.verdict, one.measures.comprehensiveness)
        shown = [line.value for line in visitor.app.markdown if line.value.startswith(translate("en", f"method-{one.method}") + " :")]
        assert len(shown) == 1 and translate("en", "trust-verdict-" + badge(one.measures).replace(" ", "-")) in shown[0]
    (table,) = [frame.value for frame in visitor.app.dataframe if "comprehensiveness" in frame.value.columns]
    assert table["comprehensiveness"].tolist() == pytest.approx([one.measures.comprehensiveness.value for one in found])
    visitor.ask("Another text, which nobody has checked.").settle()
    assert not [line for line in visitor.app.markdown if "-badge[" in line.value]


def test_what_beats_chance_in_one_way_says_which() -> None:
    measures = measure_ranking(lambda kept: kept[:, 0] * 0.5 + 0.01 * kept.sum(1), np.arange(12, 0, -1.0))
    both = replace(measures, verdict="not better than chance")
    low, high = (replace(both.comprehensiveness, p_value=p) for p in (0.01, 0.5))
    assert badge(replace(both, comprehensiveness=low, sufficiency=high)) == "needed but not enough"
    assert badge(replace(both, comprehensiveness=high, sufficiency=low)) == "enough but not needed"
    assert badge(replace(both, comprehensiveness=high, sufficiency=high)) == "not better than chance"
    assert badge(replace(both, comprehensiveness=low, sufficiency=low, verdict="worse than chance")) == "worse than chance"


def test_the_figure_has_a_line_for_each_and_one_for_chance(visit: Visit) -> None:
    model = classifier("sentiment")
    found = [measure_faithfulness(model, METHODS[name](model, FILM)) for name in ("occlusion", "input_x_gradient")]
    figure = deletion_curves(found, names=["a <b>", "b"], random_title="chance", removed_title="removed", output_title="probability")
    assert [line.name for line in figure.data] == ["a &lt;b&gt;", "b", "chance"] and figure.data[2].line.dash == "dot"
    for line, one in zip(figure.data, found, strict=False):
        assert list(line.y) == list(one.measures.deletion_curve) and list(line.x) == list(one.measures.steps)
    assert len({line.line.dash for line in figure.data}) == 3
