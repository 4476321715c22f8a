"""Why the model says A rather than B: two translations of one source, and what favours one where they differ (Yin & Neubig 2022)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from models.decoding import score_targets
from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from models.tokens import TokenizedText
from models.translator import Translator
from xai.forced_pair import ForcedPair, SequenceScores, force
from xai.methods import SEQUENCE_METHODS

Unit = tuple[int, ...]  # the ids of a word, or of the end of the sentence
Block = tuple[int, int, int, int]  # first and last unit, from and before, in A and in B


@dataclass(frozen=True)
class ContrastStretch:
    """A place where two translations differ, behind the words A has before it.

    Both sides are scored as a whole behind the same beginning, that of A, with their own earlier pieces given.

    Attributes:
        text_a, text_b: What each says there; "" where it ends instead.
        span_a, span_b: Where that stands in its translation, in characters.
        prefix_tokens: Tokens of A before the stretch (prefix,).
        logprob_a, logprob_b: Log-probability in nats of the stretch, given source and prefix.
        base_a, base_b: The same without any source or prefix token.
        source_scores: How much each source token favours A over B, in nats (source,).
        prefix_scores: How much each prefix token does (prefix,); for additive methods both sums together are
            (logprob_a - logprob_b) - (base_a - base_b).
    """

    text_a: str
    text_b: str
    span_a: tuple[int, int]
    span_b: tuple[int, int]
    prefix_tokens: tuple[str, ...]
    logprob_a: float
    logprob_b: float
    base_a: float
    base_b: float
    source_scores: np.ndarray
    prefix_scores: np.ndarray

    def __post_init__(self) -> None:
        """Raises ModelError when there is not one score a prefix token."""
        if self.prefix_scores.shape != (len(self.prefix_tokens),):
            raise ModelError(f"A contrast has prefix scores of shape {self.prefix_scores.shape}, expected ({len(self.prefix_tokens)},).")

    @property
    def difference(self) -> float:
        """How much likelier A is here, in nats; below zero where the model would rather say B."""
        return self.logprob_a - self.logprob_b


@dataclass(frozen=True)
class ContrastAttribution:
    """Two translations of one source, and every place where they differ.

    Attributes:
        method: Name of the method.
        source: The source.
        target_a, target_b: Both translations.
        source_language, target_language: Languages, as in the model's scheme.
        stretches: The places where they differ, in order; none where they are the same to the model.
        logprob_a, logprob_b: Log-probability in nats of each whole translation, its end included.
        evaluations: Pairs of source and target that went through the model.
        seconds: Wall time.
        baseline: What stands for a missing token.
    """

    method: str
    source: TokenizedText
    target_a: TokenizedText
    target_b: TokenizedText
    source_language: str
    target_language: str
    stretches: tuple[ContrastStretch, ...]
    logprob_a: float
    logprob_b: float
    evaluations: int
    seconds: float
    baseline: str

    def __post_init__(self) -> None:
        """Raises ModelError when there is not one score a source token."""
        for stretch in self.stretches:
            if stretch.source_scores.shape != (len(self.source.offsets),):
                raise ModelError(f"A contrast has source scores of shape {stretch.source_scores.shape}, expected ({len(self.source.offsets)},).")

    @property
    def difference(self) -> float:
        """How much likelier all of A is than all of B, in nats."""
        return self.logprob_a - self.logprob_b


def contrast(
    model: Translator, text: str, hypothesis: str | None, edited: str, method: str = "integrated_gradients", *, source_language: str,
    target_language: str, seed: int = 0, progress: Progress = no_progress, **settings: Any,
) -> ContrastAttribution:
    """What favours the translation over an edited one, at each place where they differ.

    The two are aligned by words (in scripts without spaces by tokens). Where one side has nothing, or begins as the other does, the
    stretch goes on with the words both share until they differ, if need be to the end of the sentence: only then do the two exclude
    each other and their probabilities compare, whatever their lengths.

    Args:
        model: The translator.
        text: The source.
        hypothesis: Translation A, or None for the model's own best one.
        edited: Translation B.
        method: A name in TRANSLATION_METHODS other than cross_attention.
        source_language, target_language: Languages, as in the model's scheme.
        seed: For methods that draw.
        progress: Called with (parts done, all parts); may raise Cancelled.
        settings: Of the method.

    Raises:
        InputError: A text is empty, the model does not translate this pair, or the method does not contrast.
    """
    if method not in SEQUENCE_METHODS or method == "cross_attention":
        names = ", ".join(name for name in SEQUENCE_METHODS if name != "cross_attention")
        raise InputError(f"{method} does not say what favours one translation over another; choose one of {names}.", key="no-contrast-method")
    started = time.perf_counter()
    pair = force(model, text, hypothesis, source_language=source_language, target_language=target_language)
    other = model.tokenize_target(edited, source_language, target_language)
    blocks = differing_blocks(*([tuple(target.input_ids[place] for place in places) for places in _words(target)] for target in (pair.target, other)))
    whole = score_targets(model, [(pair.source.input_ids, target.input_ids) for target in (pair.target, other)])
    found: list[SequenceScores] = []
    for number, block in enumerate(blocks):
        for second, side in enumerate((_side(pair, pair.target, block[0], block[:2]), _side(pair, other, block[0], block[2:]))):
            reported = _part(progress, 2 * number + second, 2 * len(blocks))
            found.append(SEQUENCE_METHODS[method](side, [len(side.target.offsets) - 1], seed=seed, progress=reported, **settings))
            reported(1, 1)
    stretches = [_stretch(pair.target, other, block, *found[2 * number : 2 * number + 2]) for number, block in enumerate(blocks)]
    return ContrastAttribution(
        method, pair.source, pair.target, other, source_language, target_language, tuple(stretches), float(whole[0].sum()), float(whole[1].sum()),
        sum(scores.evaluations for scores in found) + 2, time.perf_counter() - started, found[0].baseline if found else "none",
    )


def differing_blocks(a: Sequence[Unit], b: Sequence[Unit]) -> list[Block]:
    """Where two sequences that end alike differ, as (from, before) of A and of B; neither side begins as the other does."""
    waiting = [block[1:] for block in SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if block[0] != "equal"]
    blocks: list[Block] = []
    while waiting:
        a_from, a_to, b_from, b_to = waiting.pop(0)
        while a[a_from:a_to][: b_to - b_from] == b[b_from:b_to][: a_to - a_from]:
            if waiting and (a_to, b_to) == (waiting[0][0], waiting[0][2]):
                _, a_to, _, b_to = waiting.pop(0)
            else:
                a_to, b_to = a_to + 1, b_to + 1
        blocks.append((a_from, a_to, b_from, b_to))
    return blocks


def _words(target: TokenizedText) -> list[list[int]]:
    """Positions of every word, and at last of the end token."""
    words: list[list[int]] = [[] for _ in range(max(target.word_ids, default=-1) + 1)]
    for word, places in zip(target.word_ids, target.positions, strict=True):
        words[word] += places
    return [*words, [len(target.input_ids) - 1]]


def _side(pair: ForcedPair, target: TokenizedText, prefix_words: int, stretch: tuple[int, int]) -> ForcedPair:
    """The source with the first words of A and, as one last token, a stretch of words of A or B."""
    own, given = _words(target), _words(pair.target)
    kept = [token for token, word in enumerate(pair.target.word_ids) if word < prefix_words]
    start = given[prefix_words][0]
    ids = [target.input_ids[place] for word in own[slice(*stretch)] for place in word]
    head, said = pair.target.text[: pair.target.offsets[kept[-1]][1]] if kept else "", target.text[slice(*_span(target, stretch))]
    return ForcedPair(pair.model, pair.source, TokenizedText(
        text=head + said, input_ids=(*pair.target.input_ids[:start], *ids), special=(*pair.target.special[:start], *[False] * len(ids)),
        offsets=(*(pair.target.offsets[token] for token in kept), (len(head), len(head) + len(said))),
        positions=(*(pair.target.positions[token] for token in kept), tuple(range(start, start + len(ids)))),
        word_ids=(*(pair.target.word_ids[token] for token in kept), prefix_words), truncated_at=None,
    ), pair.source_language, pair.target_language)


def _stretch(a: TokenizedText, b: TokenizedText, block: Block, found_a: SequenceScores, found_b: SequenceScores) -> ContrastStretch:
    span_a, span_b = _span(a, block[:2]), _span(b, block[2:])
    tokens = tuple(token for token, word in zip(a.tokens, a.word_ids, strict=True) if word < block[0])
    prefix = [np.zeros(len(tokens)) if found.prefix_scores is None else found.prefix_scores[0, : len(tokens)] for found in (found_a, found_b)]
    return ContrastStretch(
        text_a=a.text[slice(*span_a)], text_b=b.text[slice(*span_b)], span_a=span_a, span_b=span_b, prefix_tokens=tokens,
        logprob_a=float(found_a.values[0]), logprob_b=float(found_b.values[0]), base_a=float(found_a.base_values[0]),
        base_b=float(found_b.base_values[0]), source_scores=found_a.source_scores[0] - found_b.source_scores[0], prefix_scores=prefix[0] - prefix[1],
    )


def _span(target: TokenizedText, words: tuple[int, int]) -> tuple[int, int]:
    """Characters of a stretch of words; where it is the end of the sentence, nothing behind the last one."""
    spans = [span for span, word in zip(target.offsets, target.word_ids, strict=True) if words[0] <= word < words[1]]
    return (spans[0][0], spans[-1][1]) if spans else (len(target.text), len(target.text))


def _part(progress: Progress, number: int, parts: int) -> Progress:
    """The progress of one of several equal parts of a longer work, in thousandths of a part."""
    return lambda done, total: progress(1000 * number + 1000 * done // max(total, 1), 1000 * parts)
