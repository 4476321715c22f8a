"""The lists of words are whole and disjoint, and words of texts are found where a person would find them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from audit import read_probe
from audit.word_classes import EMOJI, LISTED, WORD_CLASSES, mark_words, read_word_classes, row_language
from models.errors import InputError

TOPICS = ("religion", "origin", "gender", "sexuality", "disability", "age")


def marked(text: str, language: str | None, words: list[str]) -> dict[str, list[str]]:
    """Words of each class of a text that is given in pieces."""
    spans, end = [], 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        spans.append((start, end))
    return {name: [word for word, own in zip(words, found, strict=True) if own] for name, found in mark_words(text, spans, language).items()}


def test_every_language_of_the_probe_has_every_list() -> None:
    lists = read_word_classes()
    languages = {sentence.language for sentence in read_probe()}
    assert {words.language for words in lists} == languages and len(languages) == 21
    ids = {f"{language}-{name}" for language in languages for name in ("negation", "stop_word", *(f"identity-{topic}" for topic in TOPICS))}
    assert {words.id for words in lists} == ids
    assert all(words.id.startswith(f"{words.language}-{words.word_class}") for words in lists)


def test_no_word_is_in_two_lists_of_a_language() -> None:
    seen: dict[tuple[str, str], str] = {}
    for words in read_word_classes():
        for word in words.words:
            assert word and word == word.strip() and unicodedata.is_normalized("NFC", word), (words.id, word)
            assert seen.setdefault((words.language, word.casefold()), words.id) == words.id, (word, words.id)
        assert len(set(words.words)) == len(words.words)
        if words.word_class == "stop_word":
            assert 30 <= len(words.words) <= 60, words.id


def test_every_probe_culture_has_stop_words_and_negation_in_some_sentence() -> None:
    for culture in {sentence.culture for sentence in read_probe()}:
        own = [sentence for sentence in read_probe() if sentence.culture == culture]
        for name in ("stop_word", "negation"):
            entries = {word for words in read_word_classes() if (words.language, words.word_class) == (own[0].language, name) for word in words.words}
            assert sum(any(entry in sentence.text for entry in entries) for sentence in own) >= 3, (culture, name)


@pytest.mark.parametrize(("text", "language", "words", "expected"), [
    ("I DON’T know the old  man", "en", ["I", "DON’T", "know", "the", "old", "man"],
     {"negation": ["DON’T"], "stop_word": ["I", "the"], "identity": ["old", "man"], EMOJI: []}),
    ("knot another Manchester", "en", ["knot", "another", "Manchester"], {"negation": [], "stop_word": [], "identity": [], EMOJI: []}),
    ("L’homme n'est pas là", "fr", ["L’homme", "n'est", "pas", "là"], {"negation": ["pas"], "stop_word": [], "identity": ["L’homme"], EMOJI: []}),
    ("我没有目的", "zh", ["我", "没", "有", "目的"], {"negation": ["没", "有"], "stop_word": ["我"], "identity": [], EMOJI: []}),
    ("これは美味しくない", "ja", ["これ", "は", "美味しくない"], {"negation": [], "stop_word": ["これ", "は"], "identity": [], EMOJI: []}),
    ("İngiliz değil", "tr", ["İngiliz", "değil"], {"negation": ["değil"], "stop_word": [], "identity": ["İngiliz"], EMOJI: []}),
    ("ok 👍🏽 👨‍👩‍👧 ❤️ 🇩🇪 © 5", None, ["ok", "👍🏽", "👨‍👩‍👧", "❤️", "🇩🇪", "©", "5"], {EMOJI: ["👍🏽", "👨‍👩‍👧", "❤️", "🇩🇪"]}),
])
def test_words_are_marked(text: str, language: str | None, words: list[str], expected: dict[str, list[str]]) -> None:
    assert marked(text, language, words) == expected


def test_the_language_of_a_row() -> None:
    german = "Das ist nicht gut, und die Frau weiß es auch."
    assert row_language("fr-FR", german) == "fr" and row_language("pcm", german) == "pcm"
    assert row_language("DE", "这家店真不错") == "zh"  # a code of a country says no language
    assert row_language("north", german) == "de" and row_language("deed", german) == "de"
    assert row_language("", "ok") is None or row_language("", "ok") in {words.language for words in read_word_classes()}
    assert row_language("", "የአዲስ ዓመት ምሳ") is None


def test_a_line_that_is_no_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_text(json.dumps({"id": "x", "language": "en", "word_class": "verbs", "words": ["go"]}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"line 1 has the class 'verbs', expected one of {', '.join(LISTED)}"):
        read_word_classes(path)
    path.write_text(json.dumps({"id": "x", "language": "en", "word_class": "negation", "words": "no"}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1 is not a list of words .*words is str"):
        read_word_classes(path)
    assert set(WORD_CLASSES) == {*LISTED, EMOJI}
