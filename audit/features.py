"""What can be said of every row of a table, as yes or no: what its text is like, the words in it, and what further columns hold."""

from __future__ import annotations

import functools
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import regex
from scipy.sparse import csr_matrix

from models.data.language import text_script
from models.errors import InputError

MINIMUM = 30  # rows of the rarest feature
MOST_WORDS = 2_000  # the most frequent
LENGTH_BINS = 5
WORD = "word="  # before the words among the names

# Words that negate. Those of Chinese and Japanese are patterns within a text. What has another meaning at least as often is left out: French "plus",
# Italian "ne", Arabic "ما", Chinese "别" and "非".
NEGATIONS: dict[str, str] = {
    "en": "no not never none nobody nothing nowhere neither nor cannot without nope dont doesnt didnt isnt wasnt arent werent cant wont couldnt shouldnt "
          "wouldnt havent hasnt hadnt aint",
    "zh": "[不没沒无無]|未(?!来|來)",
    "es": "no nunca jamás nadie nada ninguno ninguna ningún tampoco ni sin",
    "fr": "pas jamais rien aucun aucune sans ni non",
    "de": "nicht nichts nie niemals niemand kein keine keinen keinem keiner keines ohne weder nirgends nein",
    "pt": "não nunca jamais ninguém nada nenhum nenhuma nem sem tampouco",
    "it": "no non mai niente nessuno nessuna nulla senza né neanche nemmeno neppure",
    "ar": "لا ولا فلا ليس وليس ليست لست لم ولم لن ولن بدون مش مو مب مفيش",
    "hi": "नहीं नही न ना मत बिना nahi nahin",
    "ja": "(?<![少危])ない|なかった|なくて|ません|無い|無し",
}
_UNSPACED_LANGUAGES = {"Hani": "zh", "Kana": "ja"}  # by the script that `text_script` tells
_NEGATION_PATTERNS = {language: regex.compile(NEGATIONS[language]) for language in _UNSPACED_LANGUAGES.values()}
_NEGATION_WORDS = {language: frozenset(unicodedata.normalize("NFKC", words).split()) for language, words in NEGATIONS.items()
                   if language not in _NEGATION_PATTERNS}
_ALL_NEGATIONS = frozenset().union(*_NEGATION_WORDS.values())

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # the mark of long kana belongs to no script
_RUN = regex.compile(rf"[{_UNSPACED}]+|[\p{{L}}--[{_UNSPACED}]][[\p{{L}}\p{{M}}\u200c\u200d]--[{_UNSPACED}]]*(?:'(?:s|t|re|ve|ll|d|m)\b)?", regex.V1)
_IS_UNSPACED = regex.compile(rf"[{_UNSPACED}]")
_REFERENCE = regex.compile(r"(?P<url>\b(?:https?\b|www\.)\S*|\[url\])|(?P<mention>(?<!\w)@\w+|\[username\])|(?P<hashtag>(?<!\w)[#＃]\w+)", regex.IGNORECASE)
_SIGNS = {
    "emoji": regex.compile(r"[\p{Extended_Pictographic}--[©®™]]|\p{Regional_Indicator}", regex.V1), "question": regex.compile(r"[?¿؟;？]"),
    "exclamation": regex.compile(r"[!¡！]"), "digits": regex.compile(r"\p{Nd}"),
}
_LETTER = regex.compile(r"\p{L}")
_TAG_END = regex.compile(r"[-_]")
_VALUE_END = regex.compile(r"[|;,]")


@dataclass(frozen=True)
class Features:
    """Named features of rows.

    Attributes:
        names: `length=12-40` (characters), `script=Latn`, emoji, code_switching, negation, question, exclamation, digits, url, mention, hashtag,
            `column=value`, `word=...`; words come last, the most frequent first (features,).
        values: Whether a row has a feature, as a sparse matrix of bool (rows, features).
    """

    names: tuple[str, ...]
    values: csr_matrix

    def __post_init__(self) -> None:
        """Raises InputError for names that do not fit the matrix or stand twice."""
        if self.values.shape[1] != len(self.names) or len(set(self.names)) != len(self.names):
            raise InputError(f"{len(set(self.names))} different names came for {self.values.shape[1]} features; give each its own name.")

    def rows_with(self, names: Sequence[str]) -> np.ndarray:
        """Whether a row has all of these features (rows,).

        Raises:
            InputError: A name is not among the features.
        """
        unknown = sorted(set(names) - set(self.names))
        if unknown:
            raise InputError(f"There is no feature {unknown[0]!r} among the {len(self.names)} of this table; take one of its names.")
        places = [self.names.index(name) for name in names]
        return np.asarray(np.asarray(self.values[:, places].sum(1)).ravel() == len(places))

    def take(self, rows: np.ndarray) -> Features:
        """Only some rows, by their numbers or as (rows,) of bool."""
        return Features(self.names, self.values[rows])

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values: how many rows have each feature."""
        counts = np.asarray(self.values.sum(0)).ravel().tolist()
        return {"rows": int(self.values.shape[0]), "features": dict(zip(self.names, map(int, counts), strict=True))}


def text_features(
    texts: Sequence[str], *, extra: Mapping[str, Sequence[str]], languages: Sequence[str] | None = None, minimum: int = MINIMUM, most_words: int = MOST_WORDS
) -> Features:
    """The features that at least `minimum` rows have.

    Code-switching is two words or more in each of two scripts, or a Latin word of two letters or more beside a script that is written without spaces.

    Args:
        texts: (rows,).
        extra: Further columns, each (rows,); a cell may hold several values, parted by "|", ";" or ",".
        languages: Tag of the language of each row (rows,), whose words negate; a language that NEGATIONS lacks has none. Where it is None, the words of all
            languages in the script of the row do, and what means another thing elsewhere counts too: "no" of Portuguese, "ni" of Swahili.
        minimum: Rows of the rarest feature.
        most_words: How many words there are at most; the most frequent are kept.

    Raises:
        InputError: A column has another number of rows, or has the name and a value of a feature of texts.
    """
    lengths = {**{name: len(column) for name, column in extra.items()}, **({} if languages is None else {"languages": len(languages)})}
    for name, length in lengths.items():
        if length != len(texts):
            raise InputError(f"The column {name!r} has {length} rows and there are {len(texts)} texts; give one value for each.")
    taken = sorted({"length", "script", WORD[:-1]} & set(extra))
    if taken:
        raise InputError(f"A column is called {taken[0]!r}, as features of texts are; rename it or leave it out.")
    bins = _length_bins(texts)
    spoken: Sequence[str | None] = [None] * len(texts) if languages is None else [_TAG_END.split(tag)[0].lower() for tag in languages]

    def names_of(row: int) -> set[str]:
        values = {f"{name}={value.strip()}" for name, column in extra.items() for value in _VALUE_END.split(column[row]) if value.strip()}
        return values | _text_names(texts[row], spoken[row]) | {bins[row]}

    return tabulate_features(map(names_of, range(len(texts))), minimum=minimum, most_words=most_words)


def text_words(text: str) -> list[str]:
    """The words of a text in their order, without case, links, mentions and hashtags; pairs of characters in scripts that are written without spaces."""
    return _split_runs(_runs(_REFERENCE.sub(" ", text)))


def tabulate_features(rows: Iterable[Iterable[str]], *, minimum: int, most_words: int) -> Features:
    """The features of rows that name them, without those of fewer than `minimum` rows, and with the `most_words` most frequent words.

    Args:
        rows: Names of the features that each row has (rows,); naming one twice changes nothing.
        minimum: Rows of the rarest feature.
        most_words: How many names may begin with WORD.
    """
    number: dict[str, int] = {}
    indices, ends = array("i"), array("q", [0])
    for names in rows:
        indices.extend({number.setdefault(name, len(number)) for name in names})
        ends.append(len(indices))
    counts = np.bincount(np.asarray(indices, dtype=np.int64), minlength=len(number))
    found = [name for name, place in number.items() if counts[place] >= minimum]
    words = sorted((name for name in found if name.startswith(WORD)), key=lambda name: (-counts[number[name]], name))[:most_words]
    kept = [*sorted(name for name in found if not name.startswith(WORD)), *words]
    whole = csr_matrix((np.ones(len(indices), dtype=bool), np.asarray(indices), np.asarray(ends)), shape=(len(ends) - 1, len(number)))
    return Features(tuple(kept), whole[:, [number[name] for name in kept]].sorted_indices())


def _length_bins(texts: Sequence[str]) -> list[str]:
    """Name of the bin of each text's length in characters (rows,); about as many rows in each, where lengths allow it."""
    if not texts:
        return []
    lengths = np.array([len(text.strip()) for text in texts])
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1], method="nearest"))
    starts = np.concatenate([[lengths.min()], edges[edges > lengths.min()]])
    ends = np.concatenate([starts[1:] - 1, [lengths.max()]])
    names = [f"length={start}-{end}" for start, end in zip(starts, ends, strict=True)]
    return [names[place] for place in np.searchsorted(starts, lengths, side="right") - 1]


def _text_names(text: str, language: str | None) -> set[str]:
    found = {str(match.lastgroup) for match in _REFERENCE.finditer(text)}
    plain = _REFERENCE.sub(" ", text)
    found |= {name for name, pattern in _SIGNS.items() if pattern.search(plain)}
    script = text_script(plain) or ("other" if _LETTER.search(plain) else "")
    if script:
        found.add(f"script={script}")
    runs = _runs(plain)
    if _is_mixed(runs):
        found.add("code_switching")
    words = set(_split_runs(runs))
    if _is_negated(plain, words, script, language):
        found.add("negation")
    return found | {WORD + word for word in words}


def _runs(plain: str) -> list[str]:
    """Words, and what stands between spaces and marks in scripts that are written without spaces."""
    return [str(run) for run in _RUN.findall(unicodedata.normalize("NFKC", plain).casefold().replace("’", "'"))]


def _split_runs(runs: Sequence[str]) -> list[str]:
    words: list[str] = []
    for run in runs:
        if not run.isascii() and len(run) > 1 and _IS_UNSPACED.match(run):
            words += [run[place : place + 2] for place in range(len(run) - 1)]
        else:
            words.append(run)
    return words


def _is_mixed(runs: Sequence[str]) -> bool:
    counts = Counter[str]()
    for run in runs:
        writing = _writing(run[0])
        counts[writing] += len(run) if not writing else 1
    if counts[""] >= 2 and any(len(run) > 1 and _writing(run[0]) == "LATIN" for run in runs):
        return True
    return sum(count >= 2 for count in counts.values()) > 1


@functools.cache
def _writing(letter: str) -> str:
    """What Unicode calls the script in the name of a letter; "" for all that are written without spaces, since Japanese mixes three of them."""
    return "" if _IS_UNSPACED.match(letter) else unicodedata.name(letter, "OTHER").split()[0]


def _is_negated(plain: str, words: set[str], script: str, language: str | None) -> bool:
    pattern = _NEGATION_PATTERNS.get(_UNSPACED_LANGUAGES.get(script, "") if language is None else language)
    if pattern is not None:
        return pattern.search(plain) is not None
    known = _ALL_NEGATIONS if language is None else _NEGATION_WORDS.get(language, frozenset())
    return not known.isdisjoint(words) or (language in (None, "en") and any(word.endswith("n't") for word in words))
