"""Tokens a person can point at: pieces of the text with exact, non-overlapping character offsets, for any tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

import regex

from models.errors import InputError, ModelError
from models.text import check_text

# Written without spaces between words: the tokenizer's own pieces stand in for words there.
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_WORD_START = regex.compile(r"\b(?=\X)", regex.WORD | regex.V1)
_GRAPHEME = regex.compile(r"\X")
CHARACTERS_PER_POSITION = 40  # more characters than this for each position are never tokenised
ENCODED_TOGETHER = 512  # texts, for which the lock is held


class TokenizingHandle(Protocol):
    """What `tokenize` needs of a model handle."""

    tokenizer: Any
    lock: Any
    max_length: int


@dataclass(frozen=True)
class TokenizedText:
    """A text as the model sees it and as a person can point at it.

    Attributes:
        text: The text all offsets point into; what is shown.
        input_ids: Ids with special tokens (length,).
        special: Whether an id is a special token (length,).
        offsets: Character span of each token, ascending, not overlapping, never blank (tokens,).
        positions: Indices into input_ids that each token covers (tokens, 1 or more).
        word_ids: Number of the word each token belongs to, ascending from 0 (tokens,).
        truncated_at: Character from which on the model did not see the text, or None.
    """

    text: str
    input_ids: tuple[int, ...]
    special: tuple[bool, ...]
    offsets: tuple[tuple[int, int], ...]
    positions: tuple[tuple[int, ...], ...]
    word_ids: tuple[int, ...]
    truncated_at: int | None

    def __post_init__(self) -> None:
        """Raises ModelError when the parts do not fit together."""
        if not len(self.offsets) == len(self.positions) == len(self.word_ids) or len(self.special) != len(self.input_ids):
            raise ModelError(
                f"{len(self.offsets)} offsets, {len(self.positions)} positions and {len(self.word_ids)} word numbers came "
                "from the tokenizer, expected equally many; this tokenizer cannot be explained."
            )

    @property
    def tokens(self) -> tuple[str, ...]:
        """Surface of each token (tokens,)."""
        return tuple(self.text[start:end] for start, end in self.offsets)


@dataclass(frozen=True)
class EncodedText:
    """A text as the model sees it, without what only an explanation needs; the same as in TokenizedText."""

    text: str
    input_ids: tuple[int, ...]
    truncated_at: int | None


def tokenize(handle: TokenizingHandle, text: str) -> TokenizedText:
    """The text cut to the model's positions and split into tokens.

    Special tokens typed by a person ("[PAD]", "</s>") are treated as plain text.

    Raises:
        InputError: The text is empty or becomes no token.
    """
    return tokenize_checked(handle, check_text(text))


def tokenize_checked(handle: TokenizingHandle, text: str, *, reserved: int = 0) -> TokenizedText:
    """`tokenize` for a text that already went through `check_text`, leaving some positions free for other tokens."""
    head = text[: handle.max_length * CHARACTERS_PER_POSITION]
    with handle.lock:
        ids, special, spans = _encode(handle.tokenizer, head, handle.max_length - reserved)
    offsets, positions = _group(head, special, spans)
    if not offsets:
        raise InputError(
            "The text holds nothing that this model's tokenizer can read; type or choose another sentence.", key="text-no-token"
        )
    end = offsets[-1][1]
    truncated_at = end if text[end:].strip() else None
    ids = _without(_reserved(handle.tokenizer), handle.tokenizer, ids, special)
    return TokenizedText(text, tuple(ids), tuple(special), offsets, positions, word_numbers(head, offsets), truncated_at)


def encode_texts(handle: TokenizingHandle, texts: Sequence[str]) -> list[EncodedText | None]:
    """Many texts that went through `check_text`, None where nothing of one can be read; a fast tokenizer takes them together."""
    found: list[EncodedText | None] = []
    for start in range(0, len(texts), ENCODED_TOGETHER):
        block = texts[start : start + ENCODED_TOGETHER]
        if not getattr(handle.tokenizer, "is_fast", False):
            found += [_encoded_alone(handle, text) for text in block]
            continue
        heads = [text[: handle.max_length * CHARACTERS_PER_POSITION] for text in block]
        with handle.lock:
            encoded = handle.tokenizer(heads, truncation=True, max_length=handle.max_length, return_offsets_mapping=True, return_special_tokens_mask=True,
                                       split_special_tokens=True)
        reserved = _reserved(handle.tokenizer)
        for text, head, ids, special, spans in zip(block, heads, encoded["input_ids"], encoded["special_tokens_mask"], encoded["offset_mapping"], strict=True):
            end = _end(head, special, spans)
            if not reserved.isdisjoint(ids):
                ids = _without(reserved, handle.tokenizer, ids, special)
            found.append(EncodedText(text, tuple(ids), end if text[end:].strip() else None) if end else None)
    return found


def _end(text: str, special: Sequence[bool], spans: Sequence[tuple[int, int]]) -> int:
    """Where the last token of TokenizedText ends, 0 without any, from the raw spans."""
    last = next((span for span, flag in zip(reversed(spans), reversed(special), strict=True) if not flag), (0, 0))
    if last[1] == max(map(itemgetter(1), spans), default=0) and not text[last[1] - 1 : last[1]].isspace() and last[0] < last[1]:
        return last[1]
    return max((start + len(text[start:end].rstrip()) for (start, end), flag in zip(spans, special, strict=True) if not flag and text[start:end].strip()),
               default=0)


def _encoded_alone(handle: TokenizingHandle, text: str) -> EncodedText | None:
    try:
        alone = tokenize_checked(handle, text)
    except InputError:
        return None
    return EncodedText(text, alone.input_ids, alone.truncated_at)


def word_numbers(text: str, offsets: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Number of the word of each token (tokens,).

    Words follow Unicode's word boundaries (UAX 29); in scripts without spaces every token is a word, and an emoji
    sequence (one grapheme cluster) is one word.
    """
    starts = {match.start() for match in _WORD_START.finditer(text)}
    clusters = {match.start() for match in _GRAPHEME.finditer(text)}
    numbers: list[int] = []
    current = -1
    for index, (start, end) in enumerate(offsets):
        previous = offsets[index - 1] if index else None
        unspaced = bool(_UNSPACED.search(text[start:end]))
        after_unspaced = previous is not None and bool(_UNSPACED.search(text[previous[0] : previous[1]]))
        apart = previous is None or previous[1] != start or unspaced or after_unspaced or start in starts
        if previous is None or (apart and (start in clusters or previous[1] != start)):
            current += 1
        numbers.append(current)
    return tuple(numbers)


def _encode(tokenizer: Any, text: str, max_length: int) -> tuple[list[int], list[bool], list[tuple[int, int]]]:
    """Ids with special tokens, which of them are special, and the raw span of each."""
    if getattr(tokenizer, "is_fast", False):
        encoded = tokenizer(text, truncation=True, max_length=max_length, return_offsets_mapping=True,
                            return_special_tokens_mask=True, split_special_tokens=True)
        special = [bool(flag) for flag in encoded["special_tokens_mask"]]
        return list(encoded["input_ids"]), special, [tuple(span) for span in encoded["offset_mapping"]]
    pieces = tokenizer.tokenize(text, split_special_tokens=True)
    ids = tokenizer.convert_tokens_to_ids(pieces)
    room = max_length - tokenizer.num_special_tokens_to_add()
    whole = tokenizer.build_inputs_with_special_tokens(ids[:room])
    special = [bool(flag) for flag in tokenizer.get_special_tokens_mask(ids[:room])]
    spans = iter(_align(text, pieces[:room], tokenizer))
    return list(whole), special, [(0, 0) if flag else next(spans) for flag in special]


def _reserved(tokenizer: Any) -> set[int]:
    """Ids that nobody can type; none where there is no other for what is unknown."""
    return set() if tokenizer.unk_token_id is None else set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}


def _without(reserved: set[int], tokenizer: Any, ids: Sequence[int], special: Sequence[bool]) -> list[int]:
    """Ids in which a typed "</s>" is unknown text: some tokenizers keep it whole even when asked to split it."""
    return [tokenizer.unk_token_id if number in reserved and not flag else number for number, flag in zip(ids, special, strict=True)]


def _align(text: str, pieces: Sequence[str], tokenizer: Any) -> list[tuple[int, int]]:
    """Spans of pieces of a tokenizer without offsets, found from left to right; unknown ones take the next character."""
    lowered, place, spans = text.lower() if len(text.lower()) == len(text) else text, 0, []
    for piece in pieces:
        surface = piece.replace("▁", "").replace("</w>", "").removeprefix("##")
        while place < len(text) and text[place].isspace():
            place += 1
        for candidate, source in ((surface, text), (surface.lower(), lowered)):
            found = source.find(candidate, place, place + len(candidate) + 4) if candidate else place
            if found >= 0:
                place = found
                spans.append((found, found + len(candidate)))
                break
        else:
            end = place + 1
            while end < len(text) and not text[end].isspace() and not _UNSPACED.match(text[end]) and surface == tokenizer.unk_token:
                end += 1
            spans.append((place, min(end, len(text))))
        place = max(place, spans[-1][1])
    return spans


def _group(
    text: str, special: Sequence[bool], spans: Sequence[tuple[int, int]]
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, ...], ...]]:
    """Raw spans made clean: space trimmed, pieces that claim the same character joined, blank pieces given to a neighbour."""
    offsets: list[tuple[int, int]] = []
    positions: list[list[int]] = []
    waiting: list[int] = []  # blank pieces such as a lone "▁" belong to the token after them
    for index, (start, end) in enumerate(spans):
        if special[index]:
            continue
        shown = text[start:end]
        start += len(shown) - len(shown.lstrip())
        end = start + len(shown.strip())
        if start >= end:
            waiting.append(index)
        elif offsets and start < offsets[-1][1]:
            offsets[-1] = (offsets[-1][0], max(end, offsets[-1][1]))
            positions[-1] += [*waiting, index]
            waiting = []
        else:
            offsets.append((start, end))
            positions.append([*waiting, index])
            waiting = []
    if waiting and positions:
        positions[-1] += waiting
    return tuple(offsets), tuple(tuple(group) for group in positions)
