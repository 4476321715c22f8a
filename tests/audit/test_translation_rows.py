"""Translations by group against sacreBLEU on the same rows, drawn or not, and against tables counted by hand."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from audit import translation_rows
from audit.gaps import find_gaps
from audit.parallel import align_items
from audit.report import AuditConfig
from audit.translation_errors import Translations
from audit.translation_rows import TranslationRows, measure_translation_rows
from models.errors import Cancelled, InputError
from models.translation_metrics import bleu_scores, chrf_scores, sentence_statistics, ter_scores

PAIRS = {  # hypothesis, reference; each language has an empty hypothesis, one without any match and one of a single word
    "de": [("Der Hund läuft im Park.", "Der Hund rennt im Park."), ("Ein rotes Auto steht da vor dem alten Haus", "Ein rotes Auto steht vor dem alten Haus."),
           ("", "Nichts."), ("Regen", "Es regnet."), ("Völlig anders", "niemand weiß es"), ("Um 12 Uhr kommt Anna.", "Anna kommt um 12 Uhr an.")],
    "ru": [("Собака бежит в парке.", "Собака бегает по парку."), ("Красная машина стоит у старого дома", "У старого дома стоит красная машина."),
           ("", "Нет."), ("дождь", "Идёт дождь."), ("Совсем иначе", "никто не знал"), ("В 12 часов она придёт.", "Она придёт в 12 часов.")],
    "zh": [("狗在公园里跑。", "那只狗在公园里跑步。"), ("我喝茶,不喝咖啡", "我喝茶，不喝咖啡。"), ("", "没有。"), ("雨", "下雨了。"), ("完全不同", "谁也没来"),
           ("我12点到。", "我会在12点到达。")],
}
SACRE: dict[str, Callable[[str], BLEU | CHRF | TER]] = {
    "bleu": lambda language: BLEU(tokenize="zh" if language == "zh" else "13a"), "chrf": lambda language: CHRF(),
    "ter": lambda language: TER(normalized=language == "zh", asian_support=language == "zh")}


def table(pairs: list[tuple[str, str]], language: str, source: str = "x") -> Translations:
    return Translations([source] * len(pairs), [said for said, _ in pairs], [expected for _, expected in pairs], ["en"] * len(pairs), [language] * len(pairs))


def join(*tables: Translations) -> Translations:
    return Translations(**{name: [cell for one in tables for cell in getattr(one, name)] for name in vars(tables[0])})


def measure_one(rows: Translations, *, resamples: int = 20) -> TranslationRows:
    return measure_translation_rows(np.zeros(len(rows.sources), dtype=int), rows, ["all"], resamples=resamples)


@pytest.mark.parametrize("language", PAIRS)
@pytest.mark.parametrize("metric", SACRE)
def test_scores_of_sums_are_those_of_sacrebleu(metric: str, language: str) -> None:
    hypotheses, references = map(list, zip(*PAIRS[language], strict=True))
    counted = sentence_statistics(hypotheses, references, language)[metric]
    generator = np.random.default_rng(1)
    chosen = [np.array([number]) for number in range(6)] + [generator.integers(0, 6, size) for size in (1, 2, 3, 4, 6, 30) for _ in range(20)]
    found = counted.scores(np.stack([counted.values[rows].sum(0) for rows in chosen]).reshape(2, -1, counted.values.shape[1])).ravel()
    expected = [SACRE[metric](language).corpus_score([hypotheses[row] for row in rows], [[references[row] for row in rows]]).score for rows in chosen]
    assert found == pytest.approx(expected, abs=1e-9)
    assert len(set(np.round(expected, 6))) > 20


def test_edge_cases_of_the_scores() -> None:
    rows = [[9, 9, 6, 3, 1, 0, 9, 8, 7, 6], [9, 12, 4, 0, 0, 0, 9, 7, 5, 3], [3, 3, 3, 2, 1, 0, 3, 2, 1, 0], [0, 7, 0, 0, 0, 0, 0, 0, 0, 0],
            [5, 5, 0, 0, 0, 0, 5, 4, 3, 2], [7, 7, 7, 6, 5, 4, 7, 6, 5, 4]]
    expected = [BLEU().compute_bleu(row[2:6], row[6:], row[0], row[1], smooth_method="exp").score for row in rows]
    assert bleu_scores(np.array(rows, dtype=float)) == pytest.approx(expected, abs=1e-9)
    assert expected[2:] == pytest.approx([0, 0, 0, 100]) and expected[1] > 0  # no 4-gram at all is 0, none that matches is smoothed
    assert ter_scores(np.array([[3, 4], [2, 0], [0, 0]], dtype=float)).tolist() == [75, 100, 0]
    assert chrf_scores(np.zeros((2, 18))).tolist() == [0, 0]


def test_every_resample_has_the_scores_of_its_rows() -> None:
    rows = join(table(PAIRS["de"], "de"), table(PAIRS["ru"] * 2, "ru"))
    groups = np.repeat([0, 1], [6, 12])
    found = measure_translation_rows(groups, rows, ["de", "ru"], resamples=15, seed=7)
    for group, name in enumerate(found.names):
        numbers = np.flatnonzero(groups == group)
        drawn = numbers[np.random.default_rng([7, group]).integers(0, len(numbers), size=(15, len(numbers)))]
        for metric, sacre in SACRE.items():
            expected = [sacre(name).corpus_score([rows.hypotheses[row] for row in own], [[rows.references[row] for row in own]]).score for own in drawn]
            assert found.draws[metric][:, group] == pytest.approx(expected, abs=1e-9)


def test_groups_and_overall_are_those_of_their_rows() -> None:
    rows = join(table(PAIRS["de"], "de"), table(PAIRS["ru"], "ru"), table(PAIRS["zh"], "zh"))
    groups = np.array([0] * 6 + [1] * 6 + [-1] * 6)
    found = measure_translation_rows(groups, rows, ["german", "russian"], resamples=50)
    for result, languages in zip((*found.by_group, found.overall), ("de", "ru", "de ru"), strict=True):
        own = join(*(table(PAIRS[language], language) for language in languages.split()))
        assert result.count == len(own.sources)
        assert result.metrics["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(own.hypotheses, [own.references]).score, abs=1e-9)
        assert result.metrics["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(own.hypotheses, [own.references]).score, abs=1e-9)
        assert result.metrics["ter"].value == pytest.approx(sacrebleu.corpus_ter(own.hypotheses, [own.references]).score, abs=1e-9)
    assert found.incomparable == {} and found.signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert all(not check.applies[12:].any() for check in found.checks.values()) and found.checks["length"].failed[2]


def test_one_group_is_the_whole() -> None:
    found = measure_one(table(PAIRS["de"], "de"), resamples=200)
    assert found.by_group[0].metrics == found.overall.metrics


def test_rates_by_hand() -> None:
    rows = Translations(
        ["We met Olga at 10.", "We met Olga at 10.", "We met Olga.", "Hello there friend."],
        ["Wir trafen Olga um 11.", "We met Olga at 10.", "Wir trafen sie.", "Hallo hallo hallo hallo hallo hallo hallo hallo Freund."],
        ["Wir trafen Olga um 10.", "Wir trafen Olga um 10.", "Wir trafen Olga.", "Hallo Freund."], ["en"] * 4, ["de"] * 4)
    found = {name: measured.value for name, measured in measure_one(rows).overall.metrics.items()}
    assert {name: found[name] for name in translation_rows.RATES} == pytest.approx(
        {"untranslated": 25, "repeated": 25, "length_errors": 25, "number_kept": 50, "name_kept": 200 / 3, "wrong_language": 0})


def test_a_rate_of_no_row_is_no_value() -> None:
    found = measure_translation_rows(np.array([0, 1]), table([("Kalt.", "Kalt."), ("Um 10.", "Um 10.")], "de", source="At 10."), ["a", "b"], resamples=20)
    assert "number_kept" not in found.by_group[0].metrics and found.by_group[1].metrics["number_kept"].value == 100
    assert np.isnan(found.values["number_kept"][0]) and np.isnan(found.draws["number_kept"][:, 0]).all()


def test_perfect_translations_are_not_proven_perfect() -> None:
    perfect = [(reference, reference) for _, reference in PAIRS["de"] if len(reference.split()) > 3]  # each has a 4-gram
    found = measure_one(table(perfect, "de"), resamples=200)
    assert found.overall.metrics["bleu"].high == found.overall.metrics["bleu"].value == 100 and found.overall.metrics["bleu"].low < 80
    assert found.overall.metrics["ter"].low == found.overall.metrics["ter"].value == 0 and found.overall.metrics["ter"].high > 20
    assert np.ptp(found.draws["bleu"]) > 0 and np.ptp(found.draws["repeated"]) > 0


def test_a_worse_group_is_a_gap() -> None:
    good, bad = PAIRS["de"][:2] * 30, PAIRS["de"][3:5] * 30
    rows = join(table(good, "de"), table(bad, "de"))
    found = measure_translation_rows(np.repeat([0, 1], 60), rows, ["good", "bad"], resamples=300)
    gaps = find_gaps(found.measured(AuditConfig(resamples=300)))
    assert [(gaps[name].best, gaps[name].worst, gaps[name].verdict) for name in ("bleu", "chrf", "ter")] == [("good", "bad", "gap")] * 3
    assert "length_ratio" not in gaps and gaps["bleu"].low > 20


def test_items_are_drawn_in_all_groups_at_once() -> None:
    own = table(PAIRS["de"], "de")
    rows = join(own, own, table([("Ganz schlecht.", "Das ist ein langer Satz.")], "de"))
    groups, items = np.repeat([0, 1], [6, 7]), np.array([*range(6), *range(6), 6])
    parallel = align_items(groups, items, ["first", "second"])
    found = measure_translation_rows(groups, rows, ["first", "second"], parallel=parallel, resamples=100, seed=3)
    for name in ("bleu", "chrf", "ter", "rouge_l", "length_errors"):
        assert (found.draws[name][:, 0] == found.draws[name][:, 1]).all() and np.ptp(found.draws[name]) > 0
        assert found.values[name][0] == found.values[name][1]
    assert found.by_group[1].count == 7 and found.by_group[1].metrics["chrf"].value < found.values["chrf"][1]  # the seventh row is no common item
    drawn = np.random.default_rng([3]).integers(0, 6, size=(100, 6))
    expected = [sacrebleu.corpus_bleu([own.hypotheses[row] for row in chosen], [[own.references[row] for row in chosen]]).score for chosen in drawn]
    assert found.draws["bleu"][:, 1] == pytest.approx(expected, abs=1e-9)


def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(PAIRS["de"], "de")
    whole = measure_one(rows, resamples=100)
    monkeypatch.setattr(translation_rows, "BLOCK", 45)
    monkeypatch.setattr(translation_rows, "CHUNK", 4)
    blocks = measure_one(rows, resamples=100)
    for name, draws in whole.draws.items():
        np.testing.assert_array_equal(blocks.draws[name], draws)


def test_languages_with_other_words_are_not_put_together() -> None:
    rows = join(table(PAIRS["de"], "de"), table(PAIRS["zh"], "zh_TW"))
    found = measure_translation_rows(np.repeat([0, 1], 6), rows, ["german", "chinese"], resamples=20)
    assert set(found.incomparable) == {"bleu", "ter", "rouge_l", "length_ratio"}
    assert found.incomparable["bleu"] == "It is counted in 2 ways for de, zh-TW, so there is no value of all rows together and no gap."
    assert "bleu" not in found.overall.metrics and "chrf" in found.overall.metrics
    assert "bleu" not in found.measured(AuditConfig()) and "chrf" in found.measured(AuditConfig())
    expected = sacrebleu.corpus_bleu(list(rows.hypotheses[6:]), [list(rows.references[6:])], tokenize="zh").score
    assert found.by_group[1].metrics["bleu"].value == pytest.approx(expected, abs=1e-9)
    assert found.signatures["bleu"].startswith("de: nrefs:1") and "; zh-TW: nrefs:1" in found.signatures["bleu"]
    with pytest.raises(InputError, match="The group mixed is translated into de, zh-TW, whose words are counted differently"):
        measure_translation_rows(np.zeros(12, dtype=int), rows, ["mixed"])
    alike = join(table(PAIRS["de"], "de"), table(PAIRS["ru"], "ru"))
    assert measure_one(alike).incomparable == {}


def test_what_does_not_fit_is_one_sentence() -> None:
    rows = table(PAIRS["de"], "de")
    with pytest.raises(InputError, match=r"groups \(2,\) of 6 rows"):
        measure_translation_rows(np.zeros(2, dtype=int), rows, ["a"])
    with pytest.raises(InputError, match=r"2 groups \(a, b\) have 6, 0 rows"):
        measure_translation_rows(np.zeros(6, dtype=int), rows, ["a", "b"])
    with pytest.raises(InputError, match="'' is not a language tag"):
        measure_one(replace(rows, target_languages=[""] * 6))


def test_counting_reports_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation_rows, "CHUNK", 4)
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 6:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        measure_translation_rows(np.zeros(6, dtype=int), table(PAIRS["de"], "de"), ["a"], progress=stop)
    assert seen == [(4, 6), (6, 6)]


def test_nothing_is_said_of_tokenised_texts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="sacrebleu"):
        measure_one(table([("Ein Satz .", "Ein Satz.")] * 120, "de"))
    assert not caplog.records
