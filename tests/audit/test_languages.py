"""Which measured culture a text is compared with."""

from __future__ import annotations

import pytest

from audit import read_probe
from audit.languages import guess_culture

CULTURES = ("ar-EG", "de-DE", "en-US", "es-MX", "hi-IN", "ja-JP", "ko-KR", "ru-RU", "th-TH", "zh-CN")


@pytest.mark.parametrize(
    ("text", "culture"),
    [
        ("服务态度真是“好”极了,等了两个小时!", "zh-CN"), ("好", "zh-CN"),
        ("الخدمة كانت سيئة جدا والأكل بارد.", "ar-EG"),
        ("अस्पताल की कैंटीन का खाना अच्छा नहीं था।", "hi-IN"),
        ("บริการดีมากแต่อาหารแพงไปหน่อย", "th-TH"),
        ("Сегодня автобус опять опоздал на час.", "ru-RU"),
        ("오늘 회의는 정말 지루했어요.", "ko-KR"),
        ("昨日のラーメンは最高だった。", "ja-JP"), ("最高の一日だった", "ja-JP"),
        ("The film was not bad at all, honestly I loved it.", "en-US"),
        ("Das ist ja mal wieder typisch, der Bus kommt nicht.", "de-DE"),
        ("¡Qué padre estuvo la fiesta, neta!", "es-MX"),
    ],
)
def test_the_language_of_the_text_decides(text: str, culture: str) -> None:
    assert guess_culture(text, CULTURES) == culture


@pytest.mark.parametrize("text", ["😀🎉", "👨‍👩‍👧‍👦", "123", "!!! ...", "", "ok"])
def test_what_has_no_language_is_not_guessed(text: str) -> None:
    assert guess_culture(text, CULTURES) is None


@pytest.mark.parametrize(
    "text",
    [
        "Film nie był zły, naprawdę mi się podobał.", "Het eten was echt lekker, we komen terug", "Цей фільм був дуже гарний", "یہ فلم بہت اچھی تھی",
        "האוטובוס איחר שוב, איזה יופי", "Η ταινία ήταν πολύ καλή", "Ֆիլմը շատ լավն էր",
    ],
)
def test_a_language_that_is_not_measured_is_not_taken_for_a_neighbour(text: str) -> None:
    assert guess_culture(text, CULTURES) is None


def test_a_measured_script_without_its_culture() -> None:
    latin = ("de-DE", "en-US")
    assert guess_culture("服务态度真是好极了", latin) is None
    assert guess_culture("오늘 회의는 정말 지루했어요.", latin) is None
    assert guess_culture("The film was not bad at all, honestly I loved it.", ("de-DE", "ru-RU")) is None
    assert guess_culture("The film was not bad at all.", ()) is None


def test_the_first_culture_of_a_language_stands_for_it() -> None:
    assert guess_culture("¡Qué padre estuvo la fiesta, neta!", ("es-MX", "es-ES")) == "es-MX"
    assert guess_culture("¡Qué padre estuvo la fiesta, neta!", ("es-ES", "es-MX")) == "es-ES"


def test_the_probe_sentences_are_recognised() -> None:
    found = read_probe()
    cultures = sorted({sentence.culture for sentence in found})
    right = sum(guess_culture(sentence.text, cultures) == sentence.culture for sentence in found)
    assert right >= 0.95 * len(found)
