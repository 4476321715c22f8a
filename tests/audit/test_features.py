"""Features of texts in ten languages, by hand, and as a matrix against a plain count."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from audit.features import NEGATIONS, Features, tabulate_features, text_features, text_words
from models.errors import InputError


def names_of(text: str, language: str | None = None) -> set[str]:
    found = text_features([text], extra={}, languages=None if language is None else [language], minimum=1)
    return {name for name in found.names if not name.startswith(("word=", "length=", "script="))}


def script_of(text: str) -> str:
    return next(name for name in text_features([text], extra={}, minimum=1).names if name.startswith("script=")).removeprefix("script=")


@pytest.mark.parametrize(("text", "expected"), [
    ("The soup was warm", set()), ("Why so cold?", {"question"}), ("لماذا؟", {"question"}), ("好吃！", {"exclamation"}), ("Table 12", {"digits"}),
    ("سعره ٤٥", {"digits"}), ("lovely 🍜", {"emoji"}), ("❤ it", {"emoji"}), ("Brand™ ©", set()), ("🇧🇷", {"emoji"}), ("see https://example.org/a?b=1!", {"url"}),
    ("ask @anna_7 there", {"mention"}), ("me@example.org", set()), ("so #happy2day", {"hashtag"}), ("＃美食 真香", {"hashtag"}),
    ("[username] [url]", {"mention", "url"}),
])
def test_signs(text: str, expected: set[str]) -> None:
    assert names_of(text) == expected


@pytest.mark.parametrize(("text", "script"), [
    ("Das Brot", "Latn"), ("الخبز لذيذ", "Arab"), ("रोटी अच्छी", "Deva"), ("面包很香", "Hani"), ("パンは美味しい", "Kana"), ("хлеб", "Cyrl"),
    ("빵이 맛있다", "Hang"), ("ரொட்டி", "other"), ("رائع @some_long_latin_name", "Arab"),
])
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_text_without_letters_has_no_script() -> None:
    assert not any(name.startswith("script=") for name in text_features(["12 !"], extra={}, minimum=1).names)


@pytest.mark.parametrize(("text", "mixed"), [
    ("الأكل كان very good جدا", True), ("الأكل كان good جدا", False), ("这家店 so 好吃", True), ("这件T恤好看", False), ("这家店好吃", False),
    ("今日はとても楽しい一日", False), ("ラーメン美味しい", False), ("खाना बहुत tasty था yaar", True), ("plain English words", False),
    ("الأكل جميل #very #good @nice_place", False), ("ＡＢＣ plain words", False), ("சாப்பாடு நல்லது very good", True),
])
def test_code_switching(text: str, mixed: bool) -> None:
    assert ("code_switching" in names_of(text)) == mixed


@pytest.mark.parametrize(("text", "language"), [
    ("It isn't warm", "en"), ("We don’t go", "en"), ("Nobody came", "en"), ("这汤不热", "zh"), ("我沒吃", "zh-TW"), ("Nunca vuelvo", "es"),
    ("Je ne mange pas ici", "fr"), ("Das schmeckt nicht", "de"), ("Não gosto", "pt-BR"), ("Non mi piace", "it"), ("الأكل ليس طيبا", "ar_EG"),
    ("मुझे नहीं चाहिए", "hi"), ("美味しくない", "ja"), ("食べません", "ja"),
])
def test_negation_is_found_with_and_without_the_language(text: str, language: str) -> None:
    assert "negation" in names_of(text, language)
    assert "negation" in names_of(text)


@pytest.mark.parametrize(("text", "language"), [
    ("A nothingness of notes", "en"), ("Comi no centro", "pt"), ("未来很好", "zh"), ("危ない道", "ja"), ("Notiz und Pasta", "de"),
    ("no pas nicht", "fi"), ("无料", "ja"),
])
def test_negation_is_not_seen_where_there_is_none(text: str, language: str) -> None:
    assert "negation" not in names_of(text, language)


def test_every_language_of_the_table_negates_with_its_own_words() -> None:
    assert set(NEGATIONS) == {"en", "zh", "es", "fr", "de", "pt", "it", "ar", "hi", "ja"}
    for language in set(NEGATIONS) - {"zh", "ja"}:
        for word in NEGATIONS[language].split():
            assert "negation" in names_of(f"{word} .", language), (language, word)


@pytest.mark.parametrize(("text", "words"), [
    ("The L'Hôtel isn’t far", ["the", "l", "hôtel", "isn't", "far"]), ("面包很香", ["面包", "包很", "很香"]), ("好 tea店", ["好", "tea", "店"]),
    ("ラーメン", ["ラー", "ーメ", "メン"]), ("अच्छी रोटी", ["अच्छी", "रोटी"]), ("see https://a.org @me #tag", ["see"]), ("Ｗｉｄｅ", ["wide"]), ("3 4!", []),
])
def test_words(text: str, words: list[str]) -> None:
    assert text_words(text) == words


def test_lengths_are_parted_by_quantiles_and_every_row_has_one_bin() -> None:
    texts = ["x" * length for length in range(1, 101)]
    found = text_features(texts, extra={}, minimum=1)
    names = [name for name in found.names if name.startswith("length=")]
    bounds = sorted(tuple(map(int, name.removeprefix("length=").split("-"))) for name in names)
    assert len(bounds) == 5 and bounds[0][0] == 1 and bounds[-1][1] == 100
    assert all(end + 1 == start for (_, end), (start, _) in pairwise(bounds))
    for start, end in bounds:
        assert np.flatnonzero(found.rows_with([f"length={start}-{end}"])).tolist() == list(range(start - 1, end))
        assert 18 <= end - start + 1 <= 22
    assert [name for name in text_features(["ab", "cd"], extra={}, minimum=1).names if name.startswith("length=")] == ["length=2-2"]


def test_further_columns_may_hold_several_values() -> None:
    found = text_features(["a b", "c d", "e f"], extra={"domain": ["food", "", " food "], "tags": ["irony|slang", "slang; irony", "slang,"]}, minimum=1)
    assert found.rows_with(["domain=food"]).tolist() == [True, False, True]
    assert found.rows_with(["tags=irony"]).tolist() == [True, True, False]
    assert found.rows_with(["tags=slang", "domain=food"]).tolist() == [True, False, True]


def test_the_matrix_is_what_a_plain_count_says() -> None:
    generator = np.random.default_rng(1)
    rows = [{f"word=w{number}" for number in generator.integers(0, 40, 5) ** 2 // 40} | {f"kind={generator.integers(0, 9)}"} for _ in range(300)]
    found = tabulate_features(rows, minimum=30, most_words=12)
    counts = {name: sum(name in row for row in rows) for row in rows for name in row}
    words = sorted((name for name in counts if name.startswith("word=") and counts[name] >= 30), key=lambda name: (-counts[name], name))
    assert len(words) > 12
    assert found.names == (*sorted(name for name in counts if name.startswith("kind=") and counts[name] >= 30), *words[:12])
    assert found.values.toarray().tolist() == [[name in row for name in found.names] for row in rows]
    assert found.values.dtype == bool
    assert found.to_json_dict() == {"rows": 300, "features": {name: counts[name] for name in found.names}}
    assert found.take(np.arange(300) < 7).values.toarray().tolist() == found.values.toarray()[:7].tolist()


def test_no_rows_have_no_features() -> None:
    assert text_features([], extra={}).to_json_dict() == {"rows": 0, "features": {}}


def test_what_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(InputError, match="column 'domain' has 1 rows and there are 2 texts"):
        text_features(["a", "b"], extra={"domain": ["x"]})
    with pytest.raises(InputError, match="column 'languages' has 1 rows"):
        text_features(["a", "b"], extra={}, languages=["en"])
    with pytest.raises(InputError, match="A column is called 'script'"):
        text_features(["a"], extra={"script": ["x"]})
    with pytest.raises(InputError, match="1 different names came for 2 features"):
        Features(("a", "a"), csr_matrix(np.ones((1, 2), dtype=bool)))
    with pytest.raises(InputError, match="no feature 'b' among the 1"):
        Features(("a",), csr_matrix(np.ones((1, 1), dtype=bool))).rows_with(["b"])
