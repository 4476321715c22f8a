"""Words of errors: by hand, against a slow loop over rows, planted ones and noise."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

from audit.error_words import PRIOR, error_words, log_odds
from audit.features import text_words
from audit.gaps import adjust
from models.errors import ConfigError, InputError

ROWS = 1_500
NAMES = ("de", "hi")
VOCABULARY = [first + second for first in "bdfgklmnprst" for second in ("aro", "elin", "ito", "ova", "umi")]


def draw_texts(generator: np.random.Generator) -> list[str]:
    chances = 1 / np.arange(1, len(VOCABULARY) + 1)
    return [" ".join(generator.choice(VOCABULARY, 8, p=chances / chances.sum())) for _ in range(ROWS)]


def test_log_odds_by_hand() -> None:
    # words a, b, c: 8, 1, 1 in errors and 2, 9, 9 in right rows; a prior of 3 words gives a, b and c one each, since each is a third of all 30
    value, z = log_odds(np.array([8, 1, 1]), np.array([2, 9, 9]), prior=3)
    # a: ln(9 / (13 - 9)) - ln(3 / (23 - 3)) = 0.81093 + 1.89712; variance 1/9 + 1/3
    assert value[0] == pytest.approx(2.70805, abs=1e-5) and z[0] == pytest.approx(2.70805 / math.sqrt(4 / 9), abs=1e-5)
    # b: ln(2 / 11) - ln(10 / 13) = -1.70475 + 0.26236; variance 1/2 + 1/10
    assert value[1] == value[2] == pytest.approx(-1.44238, abs=1e-5) and z[1] == pytest.approx(-1.44238 / math.sqrt(0.6), abs=1e-5)


def test_a_word_that_is_nowhere_says_nothing_and_the_prior_draws_to_zero() -> None:
    first, second = np.array([8, 1, 0]), np.array([2, 9, 0])
    value, z = log_odds(first, second)
    assert value[2] == z[2] == 0
    assert 0 < log_odds(first, second, prior=1_000)[0][0] < value[0] < log_odds(first, second, prior=1)[0][0]
    assert [part.tolist() for part in log_odds(np.zeros(2), np.zeros(2))] == [[0, 0], [0, 0]]


def slow_words(texts: list[str], errors: np.ndarray, groups: np.ndarray, minimum: int) -> dict[tuple[str, str], tuple[int, int, float, float, float]]:
    """Every word of every culture by a loop over rows: errors, right, log-odds, z and q."""
    found: dict[tuple[str, str], tuple[int, int, float, float, float]] = {}
    kept = [row for row in range(len(texts)) if groups[row] >= 0]
    everywhere: dict[str, int] = {}
    for row in kept:
        for word in set(text_words(texts[row])):
            everywhere[word] = everywhere.get(word, 0) + 1
    for group, name in enumerate(NAMES):
        sides: list[dict[str, int]] = [{}, {}]
        for row in kept:
            if groups[row] == group:
                for word in set(text_words(texts[row])):
                    if everywhere[word] >= minimum:
                        side = sides[0 if errors[row] else 1]
                        side[word] = side.get(word, 0) + 1
        sizes = [sum(side.values()) for side in sides]
        for word in set(sides[0]) | set(sides[1]):
            wrong, right = sides[0].get(word, 0), sides[1].get(word, 0)
            if wrong + right >= minimum:
                alpha = PRIOR * (wrong + right) / sum(sizes)
                odds = [(count + alpha) / (size + PRIOR - count - alpha) for count, size in zip((wrong, right), sizes, strict=True)]
                value = math.log(odds[0]) - math.log(odds[1])
                found[name, word] = (wrong, right, value, value / math.sqrt(1 / (wrong + alpha) + 1 / (right + alpha)), 0.0)
    q_values = adjust([float(norm.sf(item[3])) for item in found.values()])
    return {key: (*item[:4], q) for (key, item), q in zip(found.items(), q_values, strict=True)}


def test_every_number_is_that_of_a_loop_over_rows() -> None:
    generator = np.random.default_rng(1)
    texts, groups = draw_texts(generator), generator.integers(-1, 2, ROWS)
    errors = generator.random(ROWS) < np.array([0.1 + 0.3 * text.count("ova") + 0.1 * text.count("ito") for text in texts])
    expected = slow_words(texts, errors, groups, 10)
    found = error_words(texts, errors, groups, NAMES, most=1_000, level=0.9)
    assert found.tried == len(expected)
    plain = {(name, word.word): (word.errors, word.right, word.log_odds, word.z, word.q_value) for name, words in found.by_culture.items() for word in words}
    assert set(plain) == {key for key, value in expected.items() if value[4] < 0.9} and len(plain) > 20
    for key, values in plain.items():
        assert values == pytest.approx(expected[key], rel=1e-9)
    for words in found.by_culture.values():
        assert [word.z for word in words] == sorted((word.z for word in words), reverse=True)
        assert all(word.p_value == pytest.approx(norm.sf(word.z)) for word in words)


def test_a_planted_word_is_found_in_its_culture_only() -> None:
    generator = np.random.default_rng(2)
    texts, groups = draw_texts(generator), generator.integers(0, 2, ROWS)
    has = np.array(["dumi" in text for text in texts])
    errors = generator.random(ROWS) < np.where(has & (groups == 1), 0.6, 0.2)
    found = error_words(texts, errors, groups, NAMES)
    assert [word.word for word in found.by_culture["hi"]][:1] == ["dumi"] and found.by_culture["de"] == ()
    assert (found.by_culture["hi"][0].errors, found.by_culture["hi"][0].right) == ((has & errors & (groups == 1)).sum(), (has & ~errors & (groups == 1)).sum())
    assert len(error_words(texts, errors, groups, NAMES, most=1, level=0.9).by_culture["hi"]) == 1


def test_noise_has_no_words() -> None:
    """Of 40 data sets in which errors have no words of their own at most one in twenty has one."""
    some = 0
    for seed in range(40):
        generator = np.random.default_rng(100 + seed)
        found = error_words(draw_texts(generator), generator.random(ROWS) < 0.25, generator.integers(0, 2, ROWS), NAMES)
        some += any(found.by_culture.values())
    assert some <= 2


def test_a_row_that_repeats_a_word_is_one_witness() -> None:
    texts = ["good soup"] * 30 + ["bad " * 50 + "soup"] * 3 + ["good bad soup"] * 30
    errors = np.isin(np.arange(63), [30, 31, 32])  # the three rows that repeat it
    found = error_words(texts, errors, np.zeros(63, dtype=int), ("all",), minimum=1, level=0.99)
    assert {word.word: word.errors for word in found.by_culture["all"]}["bad"] == 3


def test_pairs_of_characters_stand_for_words_without_spaces() -> None:
    texts = ["汤很难喝", "汤很好喝"] * 60
    found = error_words(texts, np.arange(120) % 2 == 0, np.zeros(120, dtype=int), ("zh-CN",))
    assert {word.word for word in found.by_culture["zh-CN"]} == {"很难", "难喝"}


def test_without_errors_or_rows_there_are_no_words() -> None:
    generator = np.random.default_rng(3)
    texts = draw_texts(generator)[:100]
    assert not any(error_words(texts, np.zeros(100, dtype=bool), np.zeros(100, dtype=int), NAMES).by_culture.values())
    nothing = error_words([], np.zeros(0, dtype=bool), np.zeros(0, dtype=int), NAMES)
    assert nothing.to_json_dict() == {"by_culture": {"de": [], "hi": []}, "tried": 0, "level": 0.05}


def test_plain_values() -> None:
    texts = ["汤很难喝", "汤很好喝"] * 60
    plain = error_words(texts, np.arange(120) % 2 == 0, np.zeros(120, dtype=int), ("zh-CN",)).to_json_dict()
    assert json.loads(json.dumps(plain)) == plain and set(plain["by_culture"]["zh-CN"][0]) == {"word", "errors", "right", "log_odds", "z", "p_value", "q_value"}


def test_what_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"2 texts, errors \(1,\) and groups \(2,\)"):
        error_words(["a", "b"], np.zeros(1, dtype=bool), np.zeros(2, dtype=int), NAMES)
    with pytest.raises(InputError, match="in group 2 and there are 2 names"):
        error_words(["a"], np.zeros(1, dtype=bool), np.array([2]), NAMES)
    with pytest.raises(ConfigError, match="at the level 1; expected"):
        error_words(["a"], np.zeros(1, dtype=bool), np.zeros(1, dtype=int), NAMES, level=1)


def test_the_only_word_of_all_rows_is_no_more_frequent_than_another() -> None:
    value, z = log_odds(np.array([30, 0]), np.array([70, 0]))
    assert value.tolist() == [0, 0] and z.tolist() == [0, 0]
    found = error_words(["same"] * 100, np.arange(100) < 30, np.zeros(100, dtype=np.int64), ["all"])
    assert found.by_culture == {"all": ()}
