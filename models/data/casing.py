"""Sentences that a corpus holds tokenised or in lower case, as people write them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import regex

_WORD = regex.compile(r"\p{L}+(?:['’]\p{L}+)*")
# Nothing but marks before it, or a mark that ends a sentence; after two or more points people go on in lower case.
_START = regex.compile(r"(?:^|(?<!\.)[.!?][\"”']?\s+)[^\p{L}\p{N}]*")
_BLANK = regex.compile(r"\s+")
_QUOTE = regex.compile(r"""(?<!\S)(["'])\s+([^"']*?)\s+\1(?![\p{L}\p{N}])""")  # blanks on both inner sides: set apart by a tokenizer
MINIMUM_COUNT = 3  # occurrences inside sentences from which the casing of a word is believed
SHARE = 0.6  # of them in that casing (0-1)


@dataclass(frozen=True)
class Casing:
    """How cased text writes words, and whole sentences (truecasing, Lita et al. 2003).

    Attributes:
        words: Lower-cased word -> its form inside a sentence, where that is not lower case.
        sentences: Lower-cased sentence without blanks -> the sentence.
    """

    words: dict[str, str]
    sentences: dict[str, str]

    def restore(self, text: str) -> str:
        """A lower-cased sentence with its capitals: the same sentence where it is known, else word by word."""
        known = self.sentences.get(_key(text))
        if known is not None:
            return known
        pieces, end, starts = [], 0, _starts(text)
        for match in _WORD.finditer(text):
            word = self.words.get(match[0], regex.sub(r"^i(?=['’])", "I", match[0]))
            if match.start() in starts and word == match[0]:
                word = str(word[0].upper() + word[1:])
            pieces += [text[end : match.start()], word]
            end = match.end()
        return "".join([*pieces, text[end:]])


def learn_casing(texts: Iterable[str]) -> Casing:
    """The casing of words inside sentences, and the sentences themselves."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    sentences: dict[str, str] = {}
    for text in texts:
        if text.isupper():  # shouted
            continue
        sentences.setdefault(_key(text), text)
        starts = _starts(text)
        for match in _WORD.finditer(text):
            if match.start() not in starts:
                forms[match[0].lower()][match[0]] += 1
    words = {"i": "I"}
    for lower, counts in forms.items():
        form, count = counts.most_common(1)[0]
        if form != lower and count >= MINIMUM_COUNT and count >= SHARE * counts.total():
            words[lower] = form
    return Casing(words, sentences)


def join_marks(text: str) -> str:
    """Tokenised text in Latin letters as people write it: blanks around marks and inside quotes and brackets closed."""
    text = regex.sub(r"\s+([.,!?;:%)\]…»]+)(?=\s|$)", r"\1", text)
    text = regex.sub(r"([(\[$£€«])\s+", r"\1", text)
    text = regex.sub(r"(?<=\p{L})\s+(['’])\s+(s\b)", r"\1\2", text)
    text = regex.sub(r"\s+(['’](?:s|m|re|ve|ll|d|t|S|M|RE|VE|LL|D|T)\b)", r"\1", text)
    text = regex.sub(r"„\s*([^„“”]*?)\s*([“”])", r"„\1\2", text)
    text = regex.sub(r"“\s*([^„“”]*?)\s*”", r"“\1”", text)
    return str(_QUOTE.sub(r"\1\2\1", text))


def join_han(text: str) -> str:
    """Segmented Chinese as people write it: single blanks stand between words, three where the text itself has a blank."""
    return " ".join(piece.replace(" ", "") for piece in regex.split(r" {3,}|\xa0+", text))


def _starts(text: str) -> set[int]:
    """Places where the first word of a sentence may stand."""
    return {match.end() for match in _START.finditer(text)}


def _key(text: str) -> str:
    return str(_BLANK.sub("", text)).lower()
