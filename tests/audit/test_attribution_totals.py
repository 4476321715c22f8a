"""Words of a slice: by hand from single explanations, a planted word, a balanced sample, intervals against scipy and simulations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap, norm, t

from audit.__main__ import main
from audit.attribution_figures import attribution_dots
from audit.attribution_totals import AttributionTotals, WordTotal, attribution_totals, draw_rows, totals_table, word_scores
from audit.figures import ACCENT, QUIET
from audit.mean_intervals import mean_interval
from models.classifier import Classifier
from models.errors import Cancelled, ConfigError, InputError
from models.loading import load_classifier
from models.metrics import Interval
from xai import METHODS

NAMES = ("de", "hi")
GOOD, BAD = "splendid", "dreadful"
FILLERS = ("tea", "bus", "rain", "song", "desk", "lamp")
GROUPS = np.array([0] * 16 + [1] * 14)


def sentences(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Texts of fillers in which one word in three decides, and their classes (negative, neutral, positive)."""
    generator = np.random.default_rng(seed)
    labels = [number % 3 for number in range(count)]
    texts = []
    for label in labels:
        words = [*generator.choice(FILLERS, generator.integers(1, 5)), *([BAD], [], [GOOD])[label]]
        texts.append(" ".join(generator.permutation(words)))
    return texts, labels


@pytest.fixture(scope="module")
def planted(tiny_checkpoints: Path) -> Classifier:
    """A tiny model that was taught that GOOD and BAD decide."""
    model = load_classifier(str(tiny_checkpoints / "bert"))
    texts, labels = sentences(480, 1)
    batch, gold = model.tokenizer(texts, padding=True, return_tensors="pt"), torch.tensor(labels)
    optimizer = torch.optim.Adam(model.model.requires_grad_(True).parameters(), lr=2e-3)
    for part in torch.arange(480).view(10, 48).repeat(12, 1):
        loss = model.model(input_ids=batch["input_ids"][part], attention_mask=batch["attention_mask"][part], labels=gold[part]).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.model.requires_grad_(False)
    held, expected = sentences(60, 2)
    assert [said.label for said in model.predict(held)] == [model.labels[label] for label in expected]
    return model


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """With capitals and a word that stands twice."""
    return [f"{text.capitalize()} {text.split()[0]}" for text in sentences(len(GROUPS), 3)[0]]


@pytest.fixture(scope="module")
def found(planted: Classifier, texts: list[str]) -> AttributionTotals:
    """The words of all these rows."""
    return attribution_totals(planted, texts, GROUPS, NAMES, minimum=3, resamples=400)


def by_hand(model: Classifier, texts: list[str], method: str) -> dict[tuple[str, str, str], list[float]]:
    """What each word adds to each row, from one explanation after the other: (group, class, word) → scores."""
    held: dict[tuple[str, str, str], list[float]] = {}
    for text, group in zip(texts, GROUPS.tolist(), strict=True):
        explanation = METHODS[method](model, text)
        row: dict[str, float] = {}
        for number in set(explanation.word_ids):
            tokens = [token for token, other in enumerate(explanation.word_ids) if other == number]
            word = text[explanation.offsets[tokens[0]][0] : explanation.offsets[tokens[-1]][1]].lower()
            row[word] = row.get(word, 0.0) + sum(float(explanation.scores[token]) for token in tokens)
        for word, score in row.items():
            for name in ("overall", NAMES[group]):
                held.setdefault((name, explanation.target, word), []).append(score)
    return held


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_totals_are_means_of_single_explanations(planted: Classifier, texts: list[str], method: str) -> None:
    expected = by_hand(planted, texts, method)
    found = attribution_totals(planted, texts, GROUPS, NAMES, method=method, minimum=2, resamples=100)
    seen = {(part.group, part.target, word.word): word for part in (*found.overall, *found.by_culture) for word in part.words}
    assert set(seen) == {key for key, scores in expected.items() if len(scores) >= 2} and len(seen) > 30
    for key, word in seen.items():
        assert word.score.value == pytest.approx(np.mean(expected[key]), abs=1e-9)
        assert word.count == len(expected[key]) and word.score.low <= word.score.value <= word.score.high
    for part in (*found.overall, *found.by_culture):
        assert [abs(word.score.value) for word in part.words] == sorted((abs(word.score.value) for word in part.words), reverse=True)
        assert all(word.share == 100 * word.count / part.count for word in part.words)
        assert part.rare == sum(key[:2] == (part.group, part.target) and len(scores) < 2 for key, scores in expected.items())
    assert found.output == ("logit" if method == "integrated_gradients" else "probability")


def test_the_planted_word_decides_in_every_culture(found: AttributionTotals) -> None:
    assert [(part.group, part.target) for part in found.by_culture] == [(name, label) for name in NAMES for label in ("negative", "neutral", "positive")]
    for part in (*found.overall, *found.by_culture):
        if part.target != "neutral":
            first = part.words[0]
            assert first.word == (GOOD if part.target == "positive" else BAD) and first.score.low > 0 and first.share == 100
            assert all(first.score.value > 2 * abs(word.score.value) for word in part.words[1:])
        else:
            assert not {GOOD, BAD} & {word.word for word in part.words}
    assert sum(part.count for part in found.by_culture) == sum(part.count for part in found.overall) == found.explained == found.count == 30


def test_a_word_counts_once_a_row(planted: Classifier) -> None:
    single = word_scores(METHODS["occlusion"](planted, f"{GOOD} tea {GOOD.upper()}"))
    assert list(single) == [GOOD, "tea"]
    scores = METHODS["occlusion"](planted, f"{GOOD} tea {GOOD.upper()}").words().scores
    assert single[GOOD] == pytest.approx(scores[0] + scores[2], abs=1e-12)
    found = attribution_totals(planted, [f"{GOOD} {GOOD}"] * 4, np.zeros(4, dtype=int), ["de"], minimum=2, method="occlusion")
    assert [(word.word, word.count, word.share) for word in found.overall[0].words] == [(GOOD, 4, 100.0)]


@pytest.mark.parametrize(("sizes", "most", "drawn"), [
    ([50, 50, 50], 30, [10, 10, 10]), ([50, 4, 50], 30, [13, 4, 13]), ([2, 3, 4], 30, [2, 3, 4]), ([100, 0, 1], 5, [4, 0, 1]),
])
def test_the_sample_is_balanced_as_far_as_there_are_rows(sizes: list[int], most: int, drawn: list[int]) -> None:
    groups = np.random.default_rng(0).permutation(np.repeat([-1, 0, 1, 2], [20, *sizes]))
    rows = draw_rows(groups, most)
    assert np.bincount(groups[rows], minlength=3).tolist() == drawn and (groups[rows] >= 0).all()
    assert (np.diff(rows) > 0).all()


def test_groups_differ_by_one_row_at_most_and_take_turns_to_be_larger() -> None:
    groups = np.repeat(np.arange(7), 40)
    sizes = [np.bincount(groups[draw_rows(groups, 30, seed=seed)], minlength=7) for seed in range(200)]
    assert {size for own in sizes for size in own.tolist()} == {4, 5}
    assert np.array(sizes).mean(0) == pytest.approx(30 / 7, abs=0.15)  # 200 draws of 2 in 7: a standard error of 0.03


def test_every_row_of_a_group_is_as_likely() -> None:
    counts = np.sum([np.bincount(draw_rows(np.zeros(20, dtype=int), 5, seed=seed), minlength=20) for seed in range(2_000)], axis=0)
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2_000 * 0.25 * 0.75)


def test_the_sample_is_that_of_its_seed(planted: Classifier, texts: list[str]) -> None:
    assert draw_rows(GROUPS, 10, seed=1).tolist() == draw_rows(GROUPS, 10, seed=1).tolist() != draw_rows(GROUPS, 10, seed=2).tolist()
    assert set(draw_rows(GROUPS, 10)) < set(draw_rows(GROUPS, 20))
    first, again, other = (attribution_totals(planted, texts, GROUPS, NAMES, most_rows=8, minimum=2, resamples=100, method="occlusion", seed=seed)
                           for seed in (1, 1, 2))
    assert first.to_json_dict() == again.to_json_dict() and first.by_culture != other.by_culture
    assert {name: sum(part.count for part in first.by_culture if part.group == name) for name in NAMES} == {"de": 4, "hi": 4}
    assert (first.explained, first.count) == (8, 30)


def test_rare_words_are_left_out_and_counted(planted: Classifier) -> None:
    rows = [f"{GOOD} tea {word}" for word in ("bus", "bus", "rain", "lamp")]
    found = attribution_totals(planted, rows, np.zeros(4, dtype=int), ["de"], minimum=2, resamples=100)
    (part,) = found.by_culture
    assert {word.word for word in part.words} == {GOOD, "tea", "bus"} and part.rare == 2
    assert attribution_totals(planted, rows, np.zeros(4, dtype=int), ["de"], minimum=5).overall[0].words == ()


def test_rows_that_cannot_be_read_or_are_cut_are_counted(planted: Classifier) -> None:
    long = f"{GOOD} " + "tea " * 200
    rows = ["", "\u200b", long, long, f"{GOOD} tea", f"{GOOD} bus"]
    found = attribution_totals(planted, rows, np.zeros(6, dtype=int), ["de"], minimum=2, method="occlusion")
    assert (found.count, found.explained, found.unread, found.cut) == (6, 4, 2, 2)
    assert sum(word.count for part in found.overall for word in part.words if word.word == GOOD) == 4


def test_a_word_that_is_cut_in_two_is_left_out(planted: Classifier) -> None:
    for text in (f"{GOOD} " * 200, f"tea {GOOD} " * 200, "tea " * 40 + GOOD * 20):
        explanation = METHODS["occlusion"](planted, text)
        assert explanation.truncated_at is not None
        assert set(word_scores(explanation)) <= set(text.split())
    assert GOOD * 20 not in word_scores(explanation)


def test_it_stops_where_it_is_asked_to(planted: Classifier, texts: list[str]) -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled, match="stop"):
        attribution_totals(planted, texts, GROUPS, NAMES, most_rows=12, progress=stop)
    assert {total for _, total in told} == {12} and {done for done, _ in told} == {0, 1, 2, 3} and len(told) > 4
    told.clear()
    attribution_totals(planted, texts, GROUPS, NAMES, most_rows=2, method="occlusion", progress=lambda *told_now: told.append(told_now))
    assert told[-1] == (2, 2)


def test_what_does_not_fit_is_one_sentence(planted: Classifier, texts: list[str]) -> None:
    with pytest.raises(InputError, match="No row of the slice is in a group that was measured"):
        attribution_totals(planted, texts, np.full(len(texts), -1), NAMES)
    with pytest.raises(InputError, match="No row of the slice is in a group that was measured"):
        attribution_totals(planted, [], np.zeros(0, dtype=int), NAMES)
    with pytest.raises(InputError, match=r"30 texts and groups \(3,\)"):
        attribution_totals(planted, texts, np.zeros(3, dtype=int), NAMES)
    with pytest.raises(InputError, match="in group 1 and there are 1 names"):
        attribution_totals(planted, texts, GROUPS, ["de"])
    with pytest.raises(InputError, match="can read none of the 2 rows drawn"):
        attribution_totals(planted, ["", " "], np.zeros(2, dtype=int), ["de"])
    with pytest.raises(ConfigError, match="no method 'magic'; choose one of shap"):
        attribution_totals(planted, texts, GROUPS, NAMES, method="magic")
    with pytest.raises(ConfigError, match="At most 0 rows are explained and words are in 1 rows"):
        attribution_totals(planted, texts, GROUPS, NAMES, most_rows=0, minimum=1)


def test_the_interval_is_scipys_at_the_expanded_level() -> None:
    values = np.random.default_rng(4).gamma(2, size=12)
    level = 1 - 2 * norm.sf(t.isf(0.025, 11) * np.sqrt(12 / 11))
    other = bootstrap((values,), np.mean, confidence_level=level, method="percentile", n_resamples=40_000, rng=5).confidence_interval
    found = mean_interval(values, resamples=40_000)
    error = values.std() / np.sqrt(12)
    assert found.value == values.mean()
    assert found.low == pytest.approx(other.low, abs=0.06 * error) and found.high == pytest.approx(other.high, abs=0.06 * error)


@pytest.mark.parametrize(("count", "low"), [(5, 0.88), (10, 0.92), (30, 0.92)])
def test_the_interval_holds_the_true_mean(count: int, low: float) -> None:
    generator = np.random.default_rng(count)
    intervals = [mean_interval(generator.normal(1, 2, count), resamples=400, seed=seed) for seed in range(500)]
    assert low <= np.mean([found.low <= 1 <= found.high for found in intervals]) <= 0.975


def test_plain_values_and_the_table(found: AttributionTotals) -> None:
    content = json.loads(json.dumps(found.to_json_dict()))
    assert content["signature"]["method"] == "integrated_gradients" and content["signature"]["seed"] == 1
    assert content["by_culture"][0]["words"][0]["score"] == vars(found.by_culture[0].words[0].score)
    table = totals_table(found)
    assert len(table.rows) == sum(len(part.words) for part in (*found.overall, *found.by_culture))
    first = found.overall[0].words[0]
    assert table.rows[0] == ("overall", "negative", BAD, first.count, first.share, first.score.value, first.score.low, first.score.high)
    for language in ("en", "zh"):
        assert len(set(table.named(language))) == len(table.columns)


def test_the_figure_shows_sign_interval_and_doubt() -> None:
    words = [WordTotal("<b>up</b>", 9, 50.0, Interval(2, 1, 3)), WordTotal("down", 5, 20.0, Interval(-1, -2, -0.5)),
             WordTotal("doubt", 5, 20.0, Interval(0.5, -1, 2))]
    figure = attribution_dots(words)
    (trace,) = figure.data
    assert list(trace.x) == [-1, 0.5, 2] and list(trace.marker.color) == [QUIET, ACCENT, ACCENT]
    assert list(trace.marker.symbol) == ["circle", "circle-open", "circle"]
    assert [(line.x0, line.x1) for line in figure.layout.shapes[:3]] == [(-2, -0.5), (-1, 2), (1, 3)]
    low, high = figure.layout.xaxis.range
    assert low < -2 and high > 3
    assert "&lt;b&gt;" in figure.layout.yaxis.ticktext[2] and figure.layout.yaxis.ticktext[0].endswith("n=5")
    assert len(attribution_dots(words, most=1).data[0].x) == 1


def test_the_command_writes_what_the_function_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, words = tmp_path / "rows.jsonl", ["--model", "toy", "--method", "input_x_gradient", "--rows", "12", "--minimum", "2", "--resamples", "200"]
    rows = [{"text": "good film" if number % 2 else "bad film", "culture": "de" if number % 3 else "fr"} for number in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["words", "--input", str(path), "--output", str(tmp_path / "words.json"), *words]) == 0
    assert capsys.readouterr().out.startswith("12 of 20 rows explained; ")
    groups = np.array([0 if row["culture"] == "de" else 1 for row in rows])
    found = attribution_totals(load_classifier("toy"), [row["text"] for row in rows], groups, ["de", "fr"], method="input_x_gradient", most_rows=12, minimum=2,
                               resamples=200)
    assert json.loads((tmp_path / "words.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found.to_json_dict()))
    assert main(["words", "--input", str(path), "--output", str(tmp_path / "words.json"), *words[:2], "--method", "magic"]) == 2
    assert "magic" in capsys.readouterr().err
