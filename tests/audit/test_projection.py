"""Rows on a plane: PCA against numpy, clusters that t-SNE keeps, the sample, the figure and the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from audit.__main__ import main
from audit.attribution_totals import draw_rows
from audit.map_figures import COLOURS, HOVERED, SYMBOLS, map_dots
from audit.projection import MINIMUM, project, unit_length
from audit.row_map import map_rows, map_table
from models.classifier import Classifier
from models.embedding import embed_texts
from models.errors import Cancelled, ConfigError, InputError
from models.loading import load_classifier
from tests.conftest import TEXTS


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    generator = np.random.default_rng(1)
    return (generator.normal(size=(3, 60)).repeat(20, axis=0) + 0.2 * generator.normal(size=(60, 60))).astype(np.float32)


def trust_by_hand(points: np.ndarray, plane: np.ndarray, k: int) -> float:
    """Equation 1 of Venna & Kaski (2001), written out."""
    count = len(points)
    ranks = np.argsort(np.argsort(cdist(points, points) + np.diag(np.full(count, -1.0)), axis=1), axis=1)  # a point itself is 0
    near = np.argsort(cdist(plane, plane) + np.diag(np.full(count, np.inf)), axis=1)[:, :k]
    penalty = sum(max(0, ranks[row, other] - k) for row in range(count) for other in near[row])
    return 1 - 2 * penalty / (count * k * (2 * count - 3 * k - 1))


def test_pca_is_the_singular_value_decomposition(clusters: np.ndarray) -> None:
    found = project(clusters, method="pca")
    points = unit_length(clusters.astype(np.float64))
    left, values, _ = np.linalg.svd(points - points.mean(0), full_matrices=False)
    assert np.abs(found.coordinates) == pytest.approx(np.abs(left[:, :2] * values[:2]), abs=1e-9)
    assert found.explained == pytest.approx((values[:2] ** 2).sum() / (values**2).sum()) and found.perplexity is None
    assert found.trustworthiness == pytest.approx(trust_by_hand(points, found.coordinates, 10))


def test_tsne_keeps_clusters_together(clusters: np.ndarray) -> None:
    found, again = project(clusters), project(clusters)
    assert (found.coordinates == again.coordinates).all() and (found.perplexity, found.neighbours, found.explained) == (pytest.approx(59 / 3), 10, None)
    distances = cdist(found.coordinates, found.coordinates) + np.diag(np.full(60, np.inf))
    assert (distances.argmin(1) // 20 == np.arange(60) // 20).all()
    assert found.trustworthiness == pytest.approx(trust_by_hand(unit_length(clusters), found.coordinates, 10), abs=1e-6) and found.trustworthiness > 0.85


def test_equal_rows_and_few_rows(clusters: np.ndarray) -> None:
    assert np.isfinite(project(np.repeat(clusters[[0, 20, 40]], 4, axis=0)).coordinates).all()
    assert project(clusters[:MINIMUM]).neighbours == 4
    line = project(np.outer(np.ones(12), [1.0]) * np.array([[1], [-1]] * 6), method="pca")
    assert line.coordinates.shape == (12, 2) and (line.coordinates[:, 1] == 0).all()
    with pytest.raises(InputError, match="9 rows to place, expected 10"):
        project(clusters[:9])
    with pytest.raises(InputError, match="All 12 rows are the same"):
        project(np.ones((12, 5)))
    with pytest.raises(ConfigError, match="no projection 'umap'; choose tsne or pca"):
        project(clusters, method="umap")


def test_a_map_is_a_sample_embedded_and_placed(tiny_bert: Classifier) -> None:
    texts = [f"{text} {number}" for number in range(4) for text in TEXTS] + [""] * 2
    groups = np.array([0] * 20 + [1] * 28 + [1, -1])
    told: list[tuple[int, int]] = []
    found = map_rows(tiny_bert, texts, groups, method="pca", most_rows=49, progress=lambda *now: told.append(now))
    drawn = draw_rows(groups, 49)
    assert found.rows.tolist() == [row for row in drawn if row < 48] and (found.count, found.unread) == (49, 1)
    assert (found.embeddings == embed_texts(tiny_bert, [texts[row] for row in found.rows])[1]).all()
    assert (found.projection.coordinates == project(found.embeddings, method="pca").coordinates).all()
    assert told[-1] == (98, 98) and [done for done, _ in told] == sorted(done for done, _ in told)
    assert json.loads(json.dumps(found.to_json_dict()))["rows"][0] == 1
    frame = map_table(found, {"culture": ["x"] * 48})
    assert list(frame.columns) == ["row", "culture", "x", "y"] and frame["row"].tolist() == (found.rows + 1).tolist()

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        map_rows(tiny_bert, texts, groups, progress=stop)
    with pytest.raises(InputError, match=r"50 texts and groups \(3,\)"):
        map_rows(tiny_bert, texts, np.zeros(3, dtype=int))
    with pytest.raises(ConfigError, match="At most 0 rows"):
        map_rows(tiny_bert, texts, groups, most_rows=0)


def test_the_figure_holds_every_row_once_and_hides_nothing() -> None:
    coordinates = np.arange(24.0).reshape(12, 2)
    texts = ["<b>bold</b> & \u202eback"] + ["long " * 60] * 11
    values = [f"<i>{number}</i>" for number in range(10)] + ["<i>0</i>"] * 2
    figure = map_dots(coordinates, range(101, 113), texts, values, [f"<i>{number}</i>" for number in range(11)])
    seen = {int(data[0]): (x, y) for trace in figure.data for data, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)}
    assert seen == {101 + row: tuple(coordinates[row]) for row in range(12)} and len(figure.data) == 10
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; ⟦RLO⟧back" in figure.data[0].customdata[0][1] and "n=3" in figure.data[0].name
    assert len(figure.data[1].customdata[0][1]) <= HOVERED + 2 and "<i>" not in figure.data[0].name
    looks = [(trace.marker.color, trace.marker.symbol) for trace in figure.data]
    assert len(set(looks)) == 10 and looks[8] == (COLOURS[0], SYMBOLS[1])


def test_the_command_writes_what_the_function_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "rows.jsonl", tmp_path / "map"
    rows = [{"text": f"{text} {number}", "culture": "de" if number else "fr", "label": "neutral"} for number in range(2) for text in TEXTS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = ["map", "--input", str(path), "--output", str(out), "--model", "toy", "--method", "pca", "--rows", "20"]
    assert main([*words, "--colour", "prediction"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("20 of 24 rows placed in ") and "Trustworthiness" in said
    model = load_classifier("toy")
    found = map_rows(model, [row["text"] for row in rows], np.array([0 if row["culture"] == "de" else 1 for row in rows]), method="pca", most_rows=20)
    assert json.loads((out / "map.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found.to_json_dict()))
    with (out / "coordinates.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["row"]) for line in lines] == (found.rows + 1).tolist()
    assert [(float(line["x"]), float(line["y"])) for line in lines] == [tuple(point) for point in found.projection.coordinates.tolist()]
    assert [line["prediction"] for line in lines] == [answer.label for answer in model.predict([rows[row]["text"] for row in found.rows])]
    assert {line["culture"] for line in lines} == {"de", "fr"} and {line["label"] for line in lines} == {"neutral"}
    page = (out / "map.html").read_text(encoding="utf-8")
    assert "Trustworthiness" in page and "<script src=" not in page.lower() and "plotly" in page
    assert main([*words, "--colour", "label", "--label-column", "gold"]) == 2 and "no column 'gold' to colour by" in capsys.readouterr().err
