"""Repair of texts, reasons for leaving one out, and the language check."""

from __future__ import annotations

import pytest

from models.data.cleaning import clean, reason_to_remove
from models.data.language import language_reason, normalize_language, text_script
from models.data.schema import held_out_split
from models.errors import CorpusError

DUTCH = "Gisteren regende het de hele dag en daarom bleven wij met een pot thee en een goed boek gewoon lekker thuis."
ENGLISH = "Yesterday it rained all day long, which is why we simply stayed at home with a pot of tea and a good book."
RUSSIAN = "Вчера весь день шёл дождь, и поэтому мы просто остались дома с чайником чая и хорошей книгой."


@pytest.mark.parametrize(("broken", "repaired"), [
    ("SchÃ¶ner Tag, trÃ¨s bien", "Schöner Tag, très bien"),  # UTF-8 read as Latin-1
    ("Le cafe\u0301 et le the\u0301", "Le café et le thé"),  # NFC
    ("tea &amp; cake &lt;3", "tea & cake <3"), ("a\x00b\x07c", "abc"), ("\x1b[31mred\x1b[0m", "red"),
    ("abc\u202edef\u202c \u2066ghi\u2069", "abcdef ghi"), ("\ufeffsoft\u00adhy\u2060phen", "softhyphen"),
    ("  one\r\n\ttwo\u3000three  ", "one two three"), ("half\ud83d", "half\ufffd"), ("private\ue000use", "privateuse"),
    ("“curly” ＷＩＤＥ ﬁ", "“curly” ＷＩＤＥ ﬁ"),  # typed so, kept so
    ("👩‍👧 می‌خواهم", "👩‍👧 می‌خواهم"),  # joiners are spelling
])
def test_clean(broken: str, repaired: str) -> None:
    assert clean(broken) == repaired
    assert clean(repaired) == repaired


@pytest.mark.parametrize(("text", "reason"), [
    ("", "empty"), ("a\ufffdb", "unreadable characters"), ("eleven char\ufffd", ""), ("123 !!! ...", "no letters or emoji"),
    ("@user https://t.co/x [URL]", "no letters or emoji"), ("😀", ""), ("@user ok", ""), ("x" * 11, "too long"), ("ok then...", ""),
])
def test_reason_to_remove(text: str, reason: str) -> None:
    assert reason_to_remove(text, max_characters=10 if reason == "too long" else 100) == reason


@pytest.mark.parametrize(("text", "language", "reason"), [
    ("Это не по-китайски", "zh", "script"), ("这不是俄语句子", "ru", "script"), ("latin letters only", "th", "script"), ("हिन्दी में लिखा", "mr", ""),
    ("खूप छान चित्रपट", "mr-Latn", "script"), ("khup chaan chitrapat", "mr-Latn", ""), ("chai bahut achchi thi", "hi", ""),
    ("昨日はお茶を飲んだ", "ja", ""), ("오늘은 수요일", "ko", ""), ("ok", "zh", ""), ("@someone #latin https://t.co/abc 好", "zh", ""),
    (DUTCH, "en", "language"), (ENGLISH, "en", ""), (ENGLISH, "de", "language"), (DUTCH, "af", ""), (DUTCH[:50], "en", ""), (RUSSIAN, "ru", ""),
    (RUSSIAN, "en", "script"),
])
def test_language_reason(text: str, language: str, reason: str) -> None:
    assert language_reason(text, language) == reason


def test_an_unknown_script_is_one_sentence() -> None:
    with pytest.raises(CorpusError, match="The script Goth is not known to the language check; known are Arab, "):
        language_reason("hello there", "got-Goth")


@pytest.mark.parametrize(("tag", "standard"), [("pt_mz", "pt-MZ"), ("ZH-hans-cn", "zh-Hans-CN"), ("mr-latn", "mr-Latn"), ("arq", "arq")])
def test_normalize_language(tag: str, standard: str) -> None:
    assert normalize_language(tag) == standard


def test_a_tag_that_is_none() -> None:
    with pytest.raises(CorpusError, match="'not a tag!' is not a language tag; use one such as de, pt-MZ or zh-CN"):
        normalize_language("not a tag!")


@pytest.mark.parametrize(("text", "script"), [
    ("hello 世界", "Latn"), ("世界 hi", "Hani"), ("水を飲む", "Kana"), ("漢字漢字の", "Kana"), ("漢字漢字の latin letters here", "Latn"),
    ("오늘 커피 OK", "Hang"), ("오늘 OK", "Latn"),
    ("Привет", "Cyrl"), ("שלום", "Hebr"), ("مرحبا", "Arab"), ("สวัสดี", "Thai"), ("নমস্কার", "Beng"), ("ሰላም", "Ethi"), ("γεια", "Grek"), ("नमस्ते", "Deva"),
    ("123 😀", ""), ("", ""),
])
def test_text_script(text: str, script: str) -> None:
    assert text_script(text) == script


def test_a_tenth_is_held_out_by_hash() -> None:
    splits = [held_out_split(f"sentence {number}") for number in range(5_000)]
    assert 430 < splits.count("validation") < 570
    assert set(splits) == {"train", "validation"}
    assert held_out_split("abc") == "train"  # SHA-256 ba7816bf...: 3128432319 % 10 = 9
    assert held_out_split("lone \ud83d") in splits
