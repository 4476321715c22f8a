"""Errors of translations that can be told without reading them: planted ones are found, right translations pass, rows without a case do not count."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from audit.translation_errors import CHECKS, Check, Translations, check_translations, read_numbers, standard_language
from models.errors import InputError


def judge(check: str, source: str, hypothesis: str, reference: str, pair: str = "en-de") -> bool | None:
    """Whether a row fails a check; None where the check does not apply."""
    source_language, _, target_language = pair.partition("-")
    found = check_translations(Translations([source], [hypothesis], [reference], [source_language], [target_language]))[check]
    return bool(found.failed[0]) if found.applies[0] else None


@pytest.mark.parametrize(("source", "hypothesis", "reference", "pair", "expected"), [
    ("The old bridge was closed.", "The old bridge was closed.", "Die alte Brücke war gesperrt.", "en-de", True),
    ("The old bridge was closed.", "the old  bridge was closed", "Die alte Brücke war gesperrt.", "en-de", True),
    ("The old bridge was closed.", "The old bridge war gesperrt.", "Die alte Brücke war gesperrt.", "en-de", True),  # 3 of 5 words
    ("The old bridge was closed.", "Die old bridge war gesperrt.", "Die alte Brücke war gesperrt.", "en-de", False),  # 2 of 5
    ("The old bridge was closed.", "Die alte Brücke ist zu.", "Die alte Brücke war gesperrt.", "en-de", False),
    ("我们明天去看电影。", "我们明天去看电影。", "We are going to the cinema tomorrow.", "zh-en", True),
    ("我们明天去看电影。", "We will see a film tomorrow.", "We are going to the cinema tomorrow.", "zh-en", False),
    ("I bought the new one.", "I bought the new one。", "我买了新的。", "en-zh", True),
    ("今日は学校へ行きます。", "今天去学校。", "我今天去学校。", "ja-zh", False),  # 今, 学, 校 are the reference's as well
    ("Anna Kowalska", "Anna Kowalska", "Anna Kowalska", "pl-en", None),  # a name
    ("2024, 3.5", "2024, 3.5", "2024, 3,5", "en-de", None),
    ("Is it cold?", "", "Ist es kalt?", "en-de", False),  # wrong in another way
])
def test_untranslated(source: str, hypothesis: str, reference: str, pair: str, expected: bool | None) -> None:
    assert judge("untranslated", source, hypothesis, reference, pair) is expected


@pytest.mark.parametrize(("source", "hypothesis", "reference", "pair", "expected"), [
    ("It is very cold.", "Es ist sehr sehr sehr sehr kalt.", "Es ist sehr kalt.", "en-de", True),
    ("It is cold.", "Es ist kalt, es ist kalt, es ist kalt.", "Es ist kalt.", "en-de", True),
    ("It is very, very, very cold.", "Es ist sehr, sehr, sehr kalt.", "Es ist sehr kalt.", "en-de", False),  # so has the source
    ("Haha!", "哈哈哈！", "哈哈哈！", "en-zh", False),  # so has the reference
    ("Good.", "好好好好好", "好。", "en-zh", True),
    ("Wait...", "Warte......", "Warte...", "en-de", False),
    ("It is cold.", "", "Es ist kalt.", "en-de", False),
])
def test_repeated(source: str, hypothesis: str, reference: str, pair: str, expected: bool) -> None:
    assert judge("repeated", source, hypothesis, reference, pair) is expected


@pytest.mark.parametrize(("hypothesis", "reference", "pair", "expected"), [
    ("eins zwei", "eins zwei drei vier fünf sechs sieben", "en-de", False),  # (2 + 3) / (7 + 3) = 0.5
    ("eins", "eins zwei drei vier fünf sechs sieben", "en-de", True),
    ("a b c d e f g", "a b", "de-en", False),  # (7 + 3) / (2 + 3) = 2
    ("a b c d e f g h", "a b", "de-en", True),
    ("Yes.", "Yes, of course.", "de-en", False),
    ("", "Yes.", "de-en", True), ("...", "Yes.", "de-en", True),
    ("Something", "...", "de-en", None),
    ("我去", "我昨天去了一家书店", "en-zh", True),  # 5 / 12 in characters
    ("我去过那家书店", "我昨天去了一家书店", "en-zh", False),
])
def test_length(hypothesis: str, reference: str, pair: str, expected: bool | None) -> None:
    assert judge("length", "x", hypothesis, reference, pair) is expected


@pytest.mark.parametrize(("text", "readings"), [
    ("1,234 and 0.125", [{"1234", "1.234"}, {"0.125"}]),
    ("1.234.567,89", [{"1234567.89"}]), ("1,234,567", [{"1234567"}]), ("12,34,567", [{"1234567"}]),
    ("1 234 567 and 1\u202f234", [{"1234567"}, {"1234"}]), ("1’234.50", [{"1234.5"}]), ("１，２３４．５", [{"1234.5"}]),
    ("٣٫٥ و ١٬٢٣٤", [{"3.5"}, {"1234"}]), ("२०२४ में १२", [{"2024"}, {"12"}]), ("３个", [{"3"}]),
    ("3.14", [{"3.14"}]), ("3,14", [{"3.14"}]), ("12345,678", [{"12345.678"}]),
    ("31.12.2024", [{"31"}, {"12"}, {"2024"}]), ("2024-12-31", [{"2024"}, {"12"}, {"31"}]), ("1,2,3", [{"1"}, {"2"}, {"3"}]), ("10:30", [{"10"}, {"30"}]),
    ("in 2020 300 people", [{"2020"}, {"300"}]), ("1,234.567,8", [{"1"}, {"234"}, {"567"}, {"8"}]),
    ("1.5万人，3亿元", [{"15000"}, {"300000000"}]), ("30,000.", [{"30000", "30"}]), ("007", [{"7"}]), ("mp3", [{"3"}]), ("none", []),
])
def test_numbers_are_read_in_all_customs(text: str, readings: list[set[str]]) -> None:
    assert read_numbers(text) == [frozenset(map(Decimal, reading)) for reading in readings]


@pytest.mark.parametrize(("source", "hypothesis", "reference", "pair", "expected"), [
    ("It costs 1,250.50 euros.", "Es kostet 1.250,50 Euro.", "Das kostet 1.250,50 Euro.", "en-de", False),
    ("It costs 1,250.50 euros.", "Es kostet 1.205,50 Euro.", "Das kostet 1.250,50 Euro.", "en-de", True),  # changed
    ("It costs 1,250.50 euros.", "Es kostet viel.", "Das kostet 1.250,50 Euro.", "en-de", True),  # lost
    ("From 10 to 12 in May.", "Von 10 bis 12 im Mai.", "Von 10 bis 12 im Mai.", "en-de", False),
    ("From 10 to 12 in May.", "Von 10 bis 2 im Mai.", "Von 10 bis 12 im Mai.", "en-de", True),
    ("I have 2 sons.", "Ich habe zwei Söhne.", "Ich habe zwei Söhne.", "en-de", None),  # the reference writes a word
    ("The year 2024", "वर्ष २०२४", "साल २०२४", "en-hi", False), ("The year 2024", "वर्ष २०१४", "साल २०२४", "en-hi", True),
    ("有3万人。", "There were 30,000 people.", "30,000 people came.", "zh-en", False),
    ("有3万人。", "There were 3 people.", "30,000 people came.", "zh-en", True),
    ("It is cold.", "Es ist 3 Grad kalt.", "Es ist kalt.", "en-de", None),
])
def test_numbers(source: str, hypothesis: str, reference: str, pair: str, expected: bool | None) -> None:
    assert judge("number", source, hypothesis, reference, pair) is expected


@pytest.mark.parametrize(("source", "hypothesis", "reference", "pair", "expected"), [
    ("Yesterday Maria met Olga.", "Gestern traf Maria Olga.", "Gestern hat Maria Olga getroffen.", "en-de", False),
    ("Yesterday Maria met Olga.", "Gestern traf Maria jemanden.", "Gestern hat Maria Olga getroffen.", "en-de", True),
    ("I saw Olga run.", "Ich sah Olgas Lauf.", "Ich sah Olga laufen.", "en-de", False),
    ("In the end it rained.", "Schließlich regnete es.", "In der Nacht regnete es.", "en-de", None),  # In begins the sentence on both sides
    ("It stopped. So we left.", "Dann gingen wir.", "Es hörte auf. So gingen wir.", "en-de", None),
    ("我在用 Telegram 聊天。", "I am chatting on Telegram.", "I chat on Telegram.", "zh-en", False),
    ("我在用Telegram聊天。", "I am chatting.", "I chat on Telegram.", "zh-en", True),
    ("I chat on Telegram.", "我用Telegram聊天。", "我在用Telegram聊天。", "en-zh", False),
    ("I chat on Telegram.", "我用电报聊天。", "我用电报聊天。", "en-zh", None),  # the reference translates it
    ("Вчера Ольга пела.", "Вчора співала Ольга.", "Учора Ольга співала.", "ru-uk", False),
    ("Вчера Ольга пела.", "Вчора вона співала.", "Учора Ольга співала.", "ru-uk", True),
    ("I have 3 cats.", "我有猫。", "我有3只猫。", "en-zh", None),  # a number is no name
])
def test_names(source: str, hypothesis: str, reference: str, pair: str, expected: bool | None) -> None:
    assert judge("name", source, hypothesis, reference, pair) is expected


GERMAN = "Gestern sind wir mit dem Zug in die Berge gefahren und haben dort eine Nacht in einer kleinen Hütte verbracht."
FRENCH = "Hier nous avons pris le train pour la montagne et nous y avons passé une nuit dans une petite cabane en bois."


@pytest.mark.parametrize(("hypothesis", "reference", "pair", "expected"), [
    ("Ich komme morgen.", "我明天来。", "de-zh", True), ("我明天来。", "我明天来。", "de-zh", False), ("我明天來。", "我明天來。", "de-zh-Hant", False),
    ("I come tomorrow.", "Я приду завтра.", "en-ru", True), ("Я приду завтра.", "I come tomorrow.", "en-ru", None),
    ("I will come tomorrow.", "سآتي غدا.", "en-ar", True), ("سآتي غدا.", "سآتي غدا.", "en-ar", False),
    ("明日は学校へ行きます。", "明日は学校へ行く。", "en-ja", False), ("நாளை வருவேன்.", "நாளை வருகிறேன்.", "en-ta", False),
    ("I come.", "நாளை வருவேன்.", "en-ta", True),
    ("OpenAI 用 ChatGPT", "OpenAI 使用 ChatGPT", "en-zh", None),  # the reference is hardly Chinese either
    ("iPhone 很好", "iPhone 很不错", "en-zh", False),
    (FRENCH, GERMAN, "en-de", True), (GERMAN, GERMAN, "en-de", False), (FRENCH, FRENCH, "en-de", False),  # the reference is no better
    (FRENCH[:40], GERMAN, "en-de", False),  # too short to be sure
    ("42", GERMAN, "en-de", None), ("", GERMAN, "en-de", None),
])
def test_wrong_language(hypothesis: str, reference: str, pair: str, expected: bool | None) -> None:
    assert judge("wrong_language", "x", hypothesis, reference, pair) is expected


def test_every_check_judges_every_row() -> None:
    rows = Translations(["Hello Bob.", "Cold."], ["Hallo Bob.", "Kalt."], ["Hallo Bob.", "Kalt."], ["en", "EN"], ["de", "de_DE"])
    found = check_translations(rows)
    assert list(found) == list(CHECKS)
    assert not any(check.failed.any() for check in found.values())
    assert found["untranslated"].applies.tolist() == [True, True] and found["name"].applies.tolist() == [True, False]
    assert check_translations(rows.take(np.array([1])))["name"].applies.tolist() == [False]
    assert check_translations(rows.take(np.array([], dtype=int)))["name"].applies.shape == (0,)


def test_what_cannot_be_is_one_sentence() -> None:
    assert standard_language("zh_tw") == "zh-TW"
    with pytest.raises(InputError, match="'in English' is not a language tag; use one such as de, pt-MZ or zh-CN"):
        judge("name", "a", "b", "c", "in English-de")
    with pytest.raises(InputError, match="2 sources, 1 hypotheses, 1 references"):
        Translations(["a", "b"], ["a"], ["a"], ["en"], ["de"])
    with pytest.raises(InputError, match="no failure where it does not apply"):
        Check(np.array([False]), np.array([True]))
