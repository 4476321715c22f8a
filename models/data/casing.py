"""Sentences that a corpus holds tokenised or in lower case, as people write them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_SENTENCE_END = re.compile(r"(?<!\.)[.!?][\"”']?\s")  # after two or more points people go on in lower case
_FIRST_PERSON = re.compile(r"^i(?=['’])")
_BLANK = re.compile(r"\s+")
_QUOTE = re.compile(r"""(?<!\S)(["'])\s+([^"']*?)\s+\1(?!\w)""")  # blanks on both inner sides: set apart by a tokenizer
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
        pieces, end = [], 0
        for match, begins in _words(text):
            word = self.words.get(match[0], _FIRST_PERSON.sub("I", match[0]))
            if begins and word == match[0]:
                word = word[0].upper() + word[1:]
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
        for match, begins in _words(text):
            if not begins:
                forms[match[0].lower()][match[0]] += 1
    words = {"i": "I"}
    for lower, counts in forms.items():
        form, count = counts.most_common(1)[0]
        if form != lower and count >= MINIMUM_COUNT and count >= SHARE * counts.total():
            words[lower] = form
    return Casing(words, sentences)


def join_marks(text: str) -> str:
    """Tokenised text in Latin letters as people write it: blanks around marks and inside quotes and brackets closed."""
    text = re.sub(r"\s+([.,!?;:%)\]…»]+)(?=\s|$)", r"\1", text)
    text = re.sub(r"([(\[$£€«])\s+", r"\1", text)
    text = re.sub(r"(?<=\w)\s+(['’])\s+(s\b)", r"\1\2", text)
    text = re.sub(r"\s+(['’](?:s|m|re|ve|ll|d|t|S|M|RE|VE|LL|D|T)\b)", r"\1", text)
    text = re.sub(r"„\s*([^„“”]*?)\s*([“”])", r"„\1\2", text)
    text = re.sub(r"“\s*([^„“”]*?)\s*”", r"“\1”", text)
    return _QUOTE.sub(r"\1\2\1", text)


def join_han(text: str) -> str:
    """Segmented Chinese as people write it: single blanks stand between words, three where the text itself has a blank."""
    return " ".join(piece.replace(" ", "") for piece in re.split(r" {3,}|\xa0+", text))


def _words(text: str) -> Iterator[tuple[re.Match[str], bool]]:
    """Words and numbers, and whether a sentence begins with one."""
    end = 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        yield match, end == 0 or (between != " " and _SENTENCE_END.search(between) is not None)
        end = match.end()


def _key(text: str) -> str:
    return _BLANK.sub("", text).lower()
