"""Whether the explanations of a page can be trusted: a badge beside each, without asking, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ui.caches import classifier
from ui.texts import translate
from ui.trust import badge, badges
from xai import METHODS
from xai.faithfulness import measure_faithfulness
from xai.rankings import measure_ranking
from xai.trust import SAMPLED, measure_trust
from xai.trust_figures import deletion_curves

Visit = Callable[..., Any]
FILM = "The film was not bad at all, honestly I loved it and so did the others."


def rows(visitor: Any) -> list[str]:
    """The badges beside the words, in the order of the methods."""
    return [line.value for line in visitor.app.markdown if line.value.startswith(":") and "-badge[" in line.value]


def test_every_explanation_gets_its_badges(visit: Visit) -> None:
    visitor = visit("sentiment").ask(FILM).settle()
    model = classifier("sentiment")
    (table,) = [frame.value for frame in visitor.app.dataframe if "comprehensiveness" in frame.value.columns]
    assert table["method"].tolist() == list(METHODS)
    explanations = [METHODS[name](model, FILM, seed=0) for name in METHODS]
    expected = measure_trust(model, explanations)
    assert table["comprehensiveness"].tolist() == pytest.approx([one.faithfulness.measures.comprehensiveness.value for one in expected])
    assert table["agreement_spearman"].tolist()[:-1] == pytest.approx([one.agreement for one in expected][:-1])
    assert np.isnan(table["agreement_spearman"].iloc[-1])
    assert table["seed_spearman"].notna().tolist() == [name in SAMPLED for name in METHODS]
    assert rows(visitor) == [badges(one) for one in expected]
    for one, shown in zip(expected, rows(visitor), strict=True):
        assert translate("en", "trust-verdict-" + badge(one.faithfulness.measures).replace(" ", "-")) in shown
        assert ("stable over seeds" in shown) == (one.method in SAMPLED) and ("other methods" in shown) == (one.method != "attention_rollout")


def test_shuffled_weights_are_shown_on_request(visit: Visit) -> None:
    visitor = visit("sentiment").ask("not bad at all").settle()
    visitor.app.button("trust_shuffle").click()
    visitor.run().settle()
    lines = [line.value for line in visitor.app.markdown if ("ρ" in line.value and translate("en", "trust-dependence-depends-on-the-model")[:7] in line.value)
             or translate("en", "trust-dependence-cannot-tell") in line.value]
    assert len(lines) >= len(METHODS)
    visitor.ask("Another text, which nobody has checked.").settle()
    assert visitor.app.button("trust_shuffle") is not None


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
