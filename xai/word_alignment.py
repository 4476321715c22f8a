"""Which source word a target word comes from: links read off a matrix, and their error rate against links made by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from models.errors import InputError

Link = tuple[int, int]
"""Numbers of a source and a target token that belong together, from 0."""
Span = tuple[int, int]


def align(matrix: np.ndarray) -> list[Link]:
    """Links (source, target), sorted, by grow-diag (Koehn et al. 2003) on the two directions of a matrix of weights or scores.

    A pair whose two tokens are each other's best is linked. From there links grow: a pair that is the best of one side only is
    linked where it touches a link, also by a corner, and its source or its target token has no link yet. Best is the largest value, and
    only above zero: a token that nothing speaks for has no link.

    Args:
        matrix: Weights or scores (target, source); signed scores link by what speaks for a token.
    """
    forward, backward = _best_sources(matrix), _best_targets(matrix)
    links, waiting = forward & backward, sorted(forward | backward)
    grown = True
    while grown:
        grown = False
        for source, target in waiting:
            free = source not in {s for s, _ in links} or target not in {t for _, t in links}
            if free and (source, target) not in links and any(abs(source - s) <= 1 and abs(target - t) <= 1 for s, t in links):
                links.add((source, target))
                grown = True
    return sorted(links)


def best_layer(*weights: np.ndarray) -> int:
    """The decoder layer whose attention aligns best, told without gold: where most of it lies on links that both directions agree on.

    That is the share of the attention paid to source tokens, over all sentences, that goes from a target token to the source token with which it is
    each other's best; of equal layers the later one is taken. After the agreement of two models in Chen et al. (2020), here between the two directions
    of one model, and by weight: by count, a layer that hardly prefers one token to the next agrees with itself as often as a sharp one.

    Args:
        weights: Cross-attention of each sentence (layers, heads, target, source).

    Raises:
        InputError: No sentence is given.
    """
    if not weights:
        raise InputError("There is no attention to choose a layer from, expected that of at least one sentence.")
    means = [sentence.mean(1) for sentence in weights]
    shares = []
    for layer in range(len(means[0])):
        agreed = sum(sentence[layer][target, source] for sentence in means
                     for source, target in _best_sources(sentence[layer]) & _best_targets(sentence[layer]))
        shares.append((float(agreed) / max(sum(float(sentence[layer].sum()) for sentence in means), 1e-12), layer))
    return max(shares)[1]


def alignment_error_rate(links: Collection[Link], sure: Collection[Link], possible: Collection[Link]) -> float:
    """AER (0-1, lower is better): 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), where P includes S (Och & Ney 2003)."""
    return error_rate_of([(links, sure, possible)])


def error_rate_of(sentences: Iterable[tuple[Collection[Link], Collection[Link], Collection[Link]]]) -> float:
    """AER (0-1) of a whole corpus: counts of all sentences (links, sure, possible) are added up before they are divided."""
    hit = total = 0
    for links, sure, possible in sentences:
        found, certain = set(links), set(sure)
        hit += len(found & certain) + len(found & (certain | set(possible)))
        total += len(found) + len(certain)
    return 1 - hit / total if total else 0.0


def diagonal_baseline(n_source: int, n_target: int) -> list[Link]:
    """Links (source, target) of a translator who keeps the order and stretches it: each target token to the source token at its height."""
    return [(int((target + 0.5) * n_source / n_target), target) for target in range(n_target)] if n_source else []


def onto_words(
    matrix: np.ndarray, *, source_offsets: Sequence[Span], target_offsets: Sequence[Span], source_words: Sequence[Span],
    target_words: Sequence[Span],
) -> np.ndarray:
    """A matrix of tokens (target, source) as one of other words (target words, source words), by the characters they share.

    What a source token has goes to the words it lies in, by its characters in each; a target word has the mean of the tokens it is
    made of, weighted likewise.

    Args:
        matrix: Weights or scores of tokens.
        source_offsets, target_offsets: Character spans of the tokens.
        source_words, target_words: Character spans of the words, in the same texts.
    """
    columns, rows = _overlaps(source_words, source_offsets), _overlaps(target_words, target_offsets)
    return np.asarray(rows / np.maximum(rows.sum(1, keepdims=True), 1e-12) @ matrix @ columns.T)


def _best_sources(matrix: np.ndarray) -> set[Link]:
    """The best source token of each target token."""
    return {(int(row.argmax()), target) for target, row in enumerate(matrix) if row.size and row.max() > 0}


def _best_targets(matrix: np.ndarray) -> set[Link]:
    """The best target token of each source token."""
    return {(source, int(column.argmax())) for source, column in enumerate(matrix.T) if column.size and column.max() > 0}


def _overlaps(words: Sequence[Span], tokens: Sequence[Span]) -> np.ndarray:
    """Share of the characters of each token that lie in each word (words, tokens)."""
    shares = [[max(0, min(end, stop) - max(start, begin)) / max(stop - begin, 1) for begin, stop in tokens] for start, end in words]
    return np.array(shares, dtype=np.float64).reshape(len(words), len(tokens))
