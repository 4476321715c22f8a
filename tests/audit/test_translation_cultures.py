"""The translation probe measured by culture: the same numbers as measuring each culture by hand."""

from __future__ import annotations

import pytest

from audit import TranslationReport, TranslationSentence, measure_translation_cultures, read_translation_probe
from audit.figures import culture_dots
from audit.translation_cultures import in_trap
from models.errors import Cancelled, InputError
from models.loading import load_translator
from models.translation_metrics import measure_translations
from models.translator import Translator
from tests.tiny_translator import save_tiny_translator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    """Random weights: what it writes is wrong, how it is counted is not."""
    return load_translator(str(save_tiny_translator(tmp_path_factory.mktemp("random"), steps=0)))


def sentence(number: int, culture: str, source: str, reference: str, pair: tuple[str, str], trap: str = "") -> TranslationSentence:
    return TranslationSentence(f"{culture}-{number:02}", source, reference, *pair, culture, ("idiom",) if trap else ("food",), trap)


@pytest.fixture(scope="module")
def sentences() -> list[TranslationSentence]:
    """Three cultures in two directions, mixed."""
    return [
        sentence(1, "zh-CN", "他在打酱油。", "He is just along for the ride.", ("zh", "en"), "soy sauce"),
        sentence(1, "en-US", "He kicked the bucket.", "他去世了。", ("en", "zh"), "水桶"),
        sentence(2, "zh-CN", "汤很烫。", "The soup is hot.", ("zh", "en")),
        sentence(1, "zh-TW", "我不吃香菜。", "I don't eat coriander.", ("zh", "en")),
    ]


@pytest.fixture(scope="module")
def report(model: Translator, sentences: list[TranslationSentence]) -> TranslationReport:
    return measure_translation_cultures(model, sentences, resamples=50)


def test_every_culture_is_measured_in_its_direction(report: TranslationReport) -> None:
    assert [(part.culture, part.direction, part.measured.count) for part in report.by_culture] == [
        ("en-US", "en-zh", 1), ("zh-CN", "zh-en", 2), ("zh-TW", "zh-en", 1)]
    assert [(part.idioms, part.trapped <= part.idioms) for part in report.by_culture] == [(1, True), (1, True), (0, True)]


def test_translations_and_figures_are_those_of_the_model(model: Translator, sentences: list[TranslationSentence], report: TranslationReport) -> None:
    assert list(report.sentences) == sentences
    expected = [model.translate([s.source], s.source_language, s.target_language)[0].hypothesis for s in sentences]
    assert list(report.hypotheses) == expected
    own = measure_translations("zh-CN", [expected[0], expected[2]], [sentences[0].reference, sentences[2].reference], "en", resamples=50)
    assert report.by_culture[1].measured == own
    assert own.metrics["chrf"].low <= own.metrics["chrf"].value <= own.metrics["chrf"].high


def test_the_trap_is_found_in_any_case_and_only_where_there_is_one() -> None:
    idiom = sentence(1, "zh-CN", "他在打酱油。", "He is just along for the ride.", ("zh", "en"), "soy sauce")
    assert in_trap(idiom, "He buys Soy Sauce.")
    assert not in_trap(idiom, "He is just there.")
    assert not in_trap(sentence(2, "zh-CN", "汤很烫。", "The soup is hot.", ("zh", "en")), "soy sauce")


def test_progress_counts_sentences_and_can_stop_the_work(model: Translator, sentences: list[TranslationSentence]) -> None:
    seen: list[tuple[int, int]] = []
    measure_translation_cultures(model, sentences, resamples=10, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        measure_translation_cultures(model, sentences, progress=stop)


def test_nothing_to_measure_and_other_directions_are_refused(model: Translator, sentences: list[TranslationSentence]) -> None:
    with pytest.raises(InputError, match="There is no sentence to translate; give some in a direction of the model"):
        measure_translation_cultures(model, [])
    french = sentence(1, "fr-FR", "Soup.", "De la soupe.", ("en", "fr"))
    with pytest.raises(InputError, match="does not translate en-fr"):
        measure_translation_cultures(model, [*sentences, french])


def test_cultures_are_drawn_without_a_line_for_all(report: TranslationReport) -> None:
    figure = culture_dots([part.measured for part in report.by_culture], None, metric="chrf", marked="zh-TW", title="chrF")
    assert len(figure.data[0].x) == 3
    assert list(figure.data[0].x) == sorted(part.measured.metrics["chrf"].value for part in report.by_culture)
    assert len(figure.layout.shapes) == 3, "one interval each and nothing else"
    assert any("zh-TW" in name and "<b>" in name for name in figure.layout.yaxis.ticktext)


def test_the_shipped_probe_has_enough_of_every_culture() -> None:
    counts: dict[str, int] = {}
    for one in read_translation_probe():
        counts[one.culture] = counts.get(one.culture, 0) + 1
    assert len(counts) >= 8
    assert min(counts.values()) >= 30
