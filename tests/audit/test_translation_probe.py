"""Reading a translation probe file, and what the shipped one promises."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from audit import TranslationSentence, read_probe, read_translation_probe
from audit.translation_probe import PHENOMENA, TRANSLATION_PROBE_PATH
from models.errors import InputError
from models.text import check_text

FIELDS = {"id": "zh-CN-01", "source": "他在打酱油。", "reference": "He is just along for the ride.", "source_language": "zh", "target_language": "en",
          "culture": "zh-CN", "phenomena": ["idiom", "gender"], "literal_trap": "buying soy sauce", "note": "打酱油: to do nothing"}
DIRECTIONS = {"zh-CN": ("zh", "en"), "zh-TW": ("zh", "en"), "zh-SG": ("zh", "en"), "en-US": ("en", "zh"), "en-GB": ("en", "zh"), "en-IN": ("en", "zh"),
              "de-DE": ("en", "de"), "de-AT": ("en", "de"), "fr-FR": ("en", "fr"), "fr-CA": ("en", "fr"), "cs-CZ": ("en", "cs")}
EACH = 30
HAN = re.compile(r"[\u3400-\u9fff]")
SPACES = re.compile(r"  |[ \t]$|^[ \t]|\u00a0|\u202f")
# What an English sentence may hold besides letters of other alphabets in names.
LATIN = re.compile(r"[A-Za-zÀ-ž0-9 .,:;!?'\"()\-]+")
SIMPLIFIED_IN_BIG5 = set("个体万与听党虫号几云叶灯")  # old characters that Big5 has, but whose everyday use is the simplified one


def text_in(sentence: TranslationSentence, language: str) -> str:
    return sentence.source if sentence.source_language == language else sentence.reference


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "probe.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines), encoding="utf-8")
    return path


def encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def test_a_line_becomes_a_sentence(tmp_path: Path) -> None:
    plain = {key: value for key, value in FIELDS.items() if key not in ("literal_trap", "note")} | {"id": "zh-CN-02", "phenomena": ["gender"]}
    first, second = read_translation_probe(write(tmp_path, FIELDS, plain))
    assert {**vars(first), "phenomena": list(first.phenomena)} == FIELDS
    assert (second.id, second.literal_trap, second.note) == ("zh-CN-02", "", "")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"phenomena": "idiom"}, "line 2 is not a translation sentence .phenomena is str, expected a list"),
        ({"source": 5}, "line 2 is not a translation sentence .source is int, expected a string"),
        ({"extra": "x"}, "line 2 is not a translation sentence .*extra"),
        ({"phenomena": [["idiom"]]}, r"line 2 has the phenomenon \['idiom'\], expected at least one of idiom, honorific"),
        ({"phenomena": ["idiom", "irony"]}, "line 2 has the phenomenon 'irony', expected at least one of idiom, honorific"),
        ({"phenomena": [], "literal_trap": ""}, "line 2 has no phenomenon, expected at least one of"),
        ({"phenomena": ["idiom", "idiom"]}, "line 2 names a phenomenon twice"),
        ({"literal_trap": " "}, "line 2 has the literal_trap ' ', expected one exactly where idiom"),
        ({"phenomena": ["gender"]}, "line 2 has the literal_trap 'buying soy sauce', expected one exactly where idiom"),
        ({"literal_trap": "Along for"}, "line 2 has the literal_trap 'Along for' in its own reference"),
        ({"reference": "  "}, "line 2 has an empty reference, expected a sentence"),
        ({"target_language": "zh"}, "line 2 has the language 'zh' on both sides"),
        ({"culture": "fr-FR"}, "line 2 has the culture 'fr-FR', expected one whose language is zh or en"),
        ({"id": "zh-CN-01"}, "line 2 has the id 'zh-CN-01' of a line before it"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_translation_probe(write(tmp_path, FIELDS, {**FIELDS, "id": "zh-CN-02", **changed}))


@pytest.mark.parametrize("name", ["id", "source", "reference", "source_language", "target_language", "culture", "phenomena"])
def test_a_missing_field_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"line 1 is not a translation sentence .*{name}"):
        read_translation_probe(write(tmp_path, {key: value for key, value in FIELDS.items() if key != name}))


def test_the_shipped_set_has_every_culture_in_its_direction() -> None:
    found = read_translation_probe()
    assert Counter(sentence.culture for sentence in found) == dict.fromkeys(DIRECTIONS, EACH)
    for sentence in found:
        assert (sentence.source_language, sentence.target_language) == DIRECTIONS[sentence.culture], sentence.id
        assert re.fullmatch(rf"{sentence.culture}-\d\d", sentence.id), sentence.id


def test_every_culture_has_every_phenomenon() -> None:
    found = read_translation_probe()
    total = Counter(tag for sentence in found for tag in sentence.phenomena)
    for culture in DIRECTIONS:
        own = Counter(tag for sentence in found if sentence.culture == culture for tag in sentence.phenomena)
        assert min(own[tag] for tag in PHENOMENA) >= 2, (culture, own)
    assert min(total[tag] for tag in PHENOMENA) >= 20, total


def test_the_card_says_what_the_file_holds() -> None:
    found = read_translation_probe()
    card = " ".join((TRANSLATION_PROBE_PATH.parent / "README.md").read_text(encoding="utf-8").split("# Data card: culture probe, translation")[1].split())
    assert f"{len(found)} sentences, {len(DIRECTIONS)} cultures × {EACH}" in card
    for tag, count in Counter(tag for sentence in found for tag in sentence.phenomena).items():
        assert f"{tag} {count}" in card, (tag, count)
    for culture in DIRECTIONS:
        assert culture in card


def test_every_text_is_clean_and_found_once() -> None:
    found = read_translation_probe()
    texts = [text for sentence in found for text in (sentence.source, sentence.reference)] + [sentence.text for sentence in read_probe()]
    plain = Counter("".join(character for character in text.casefold() if character.isalnum()) for text in texts)
    assert [text for text, count in plain.items() if count > 1] == []
    for sentence in found:
        for text in (sentence.source, sentence.reference, sentence.literal_trap, sentence.note):
            assert not text or check_text(text) == text, f"{sentence.id}: write it in NFC without control characters"
            assert not SPACES.search(text), sentence.id
        for text in (sentence.source, sentence.reference):
            assert text[-1] in ".?!。？！”\"", sentence.id


def test_sentences_are_neither_fragments_nor_paragraphs() -> None:
    found = read_translation_probe()
    lengths = [len(text_in(sentence, "en").split()) for sentence in found]
    assert min(lengths) >= 5
    assert max(lengths) <= 25
    assert 10 <= sum(lengths) / len(lengths) <= 16
    for sentence in found:
        if "zh" in (sentence.source_language, sentence.target_language):
            assert 8 <= len(text_in(sentence, "zh")) <= 45, sentence.id


def test_openings_are_not_a_template() -> None:
    openings = Counter(" ".join(sentence.source.split()[:3]) for sentence in read_translation_probe() if sentence.source_language == "en")
    assert max(openings.values()) <= 4, openings.most_common(5)


def test_traps_are_in_the_script_of_the_target() -> None:
    idioms = [sentence for sentence in read_translation_probe() if sentence.literal_trap]
    assert len(idioms) >= 20
    for sentence in idioms:
        assert bool(HAN.search(sentence.literal_trap)) == (sentence.target_language == "zh"), sentence.id


def test_scripts_are_those_of_the_languages() -> None:
    for sentence in read_translation_probe():
        english = text_in(sentence, "en")
        assert LATIN.fullmatch(english), (sentence.id, [c for c in english if not LATIN.fullmatch(c)])
        if "zh" in (sentence.source_language, sentence.target_language):
            chinese = text_in(sentence, "zh")
            assert len(HAN.findall(chinese)) > 0.7 * len(chinese), sentence.id
            assert not set(chinese) & set(",;:?!()\""), f"{sentence.id}: Chinese punctuation is full width"


def test_traditional_characters_in_taiwan_and_simplified_elsewhere() -> None:
    # Big5 has no character that exists in simplified writing only, GB 2312 none of traditional writing only.
    for sentence in read_translation_probe():
        if "zh" not in (sentence.source_language, sentence.target_language):
            continue
        encoding = "cp950" if sentence.culture == "zh-TW" else "gb2312"
        characters = HAN.findall(text_in(sentence, "zh"))
        assert [c for c in characters if not encodes(c, encoding)] == [], sentence.id
        if sentence.culture == "zh-TW":
            assert not set(characters) & SIMPLIFIED_IN_BIG5, sentence.id
    assert not encodes("们", "cp950")
    assert not encodes("們", "gb2312")
