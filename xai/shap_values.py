"""SHAP's partition values (Lundberg & Lee 2017; Owen 1977, over a tree of words and tokens) on our own tokens, evaluated in large batches."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from models.classifier import Classifier
from models.errors import InputError
from models.progress import Progress, no_progress
from xai.attribution import Attribution
from xai.forced_pair import ForcedPair, SequenceScores
from xai.masking import MaskedOutput
from xai.sequence_masking import MaskedTranslation

MAX_EVALS = 500
SHAP_BATCH = 10  # masks that shap opens at a time; with a small budget the values depend on it
AHEAD = 64  # masks evaluated together: those that shap asks for and those that it is likely to ask for next
DISCOUNT = 0.25  # of the credit of a node, what each node below it is taken to have before it is known


def explain_shap(
    model: Classifier, text: str, target: str | None = None, *, seed: int = 0, progress: Progress = no_progress,
    max_evals: int = MAX_EVALS,
) -> Attribution:
    """Owen values over the partition tree, those of `shap.PartitionExplainer`; sum(scores) = value - base_value for any budget.

    With a small budget the lower parts of the tree are not opened and their tokens share a score equally.

    Args:
        max_evals: Most evaluations as shap counts them; the whole tree of n tokens takes about 2/3 n² of them.

    Raises:
        InputError: The budget is under three evaluations.
    """
    _check_budget(max_evals)
    started = time.perf_counter()
    output = MaskedOutput(model, text, target, progress)
    tree = partition_tree(output.tokenized.word_ids)
    output.expected = min(max_evals, 2 + _openings(tree)[-1])
    credits = partition_credits(output, tree, max_evals)
    progress(output.evaluations, output.evaluations)  # what was looked at ahead may have made it more, or less
    scores = _shared(credits, tree, np.ones(len(tree) + 1, bool))
    return Attribution(
        text=output.tokenized.text, tokens=output.tokenized.tokens, offsets=output.tokenized.offsets,
        word_ids=output.tokenized.word_ids, scores=scores, method="shap", target=output.target, output="probability",
        value=output.value, base_value=output.base_value,
        convergence_delta=float(scores.sum() - (output.value - output.base_value)), evaluations=output.evaluations,
        seconds=time.perf_counter() - started, parameters={"seed": seed, "max_evals": max_evals},
        truncated_at=output.tokenized.truncated_at,
    )


def sequence_shap(
    pair: ForcedPair, rows: Sequence[int], *, seed: int = 0, progress: Progress = no_progress, max_evals: int = MAX_EVALS
) -> SequenceScores:
    """Owen values over one tree of source and target for all target tokens at once; their sum is value - base value for any budget.

    At the top of the tree the source is one half and the translation the other, so that prefix and source are dealt with alike. A
    token takes no part in what is said before it: where a part of the tree is not opened, its score is shared by those that do, and
    the tree of a beginning is the same however the translation goes on.

    Args:
        pair: The texts.
        rows: The explained target tokens.
        seed: Without effect.
        progress: Called with (evaluations done, expected).
        max_evals: Most masks; a target token of several ids takes an evaluation of its own in each mask that hides it.

    Raises:
        InputError: The budget is under three evaluations.
    """
    _check_budget(max_evals)
    output = MaskedTranslation(pair, rows, progress)
    tree = partition_tree(pair.source.word_ids, causal=pair.target.word_ids)
    output.expected = min(max_evals, 2 + _openings(tree)[-1])
    credits = partition_credits(output, tree, max_evals)
    scores = np.array([_shared(credits[:, row], tree, players) for row, players in enumerate(output.players)])
    source_scores, prefix_scores = output.split(scores)
    return SequenceScores(
        source_scores, prefix_scores, output.values, output.base_values, output.evaluations,
        convergence_delta=scores.sum(1) - (output.values - output.base_values), baseline=output.baseline, parameters={"max_evals": max_evals},
    )


def partition_tree(word_ids: tuple[int, ...], causal: tuple[int, ...] = ()) -> np.ndarray:
    """Linkage (tokens - 1, 4) that joins the tokens of a word first, then neighbouring words, halves of halves.

    Args:
        word_ids: Number of the word of each token.
        causal: The same of a second text that is written from left to right, joined to the first one at last. Its tokens are parted
            behind the largest power of two, so that what is joined at its beginning does not depend on how it goes on.
    """
    count = len(word_ids) + len(causal)
    links: list[tuple[float, float, float, float]] = []
    sizes = dict.fromkeys(range(count), 1)

    def join(nodes: list[int], height: float, halves: bool = True) -> int:
        if len(nodes) == 1:
            return nodes[0]
        middle = (len(nodes) + 1) // 2 if halves else 2 ** ((len(nodes) - 1).bit_length() - 1)
        left, right = join(nodes[:middle], height, halves), join(nodes[middle:], height, halves)
        node = count + len(links)
        sizes[node] = sizes[left] + sizes[right]
        links.append((float(left), float(right), height + len(links) * 1e-6, float(sizes[node])))
        return node

    def join_words(numbers: tuple[int, ...], first: int, halves: bool) -> int:
        words: dict[int, list[int]] = {}
        for token, word in enumerate(numbers, first):
            words.setdefault(word, []).append(token)
        return join([join(tokens, 0.5, halves) for tokens in words.values()], 1.0, halves)

    texts = [join_words(word_ids, 0, True)]
    if causal:
        join([*texts, join_words(causal, len(word_ids), False)], 2.0)
    return np.array(links).reshape(-1, 4)


def partition_credits(output: Callable[[np.ndarray], np.ndarray], tree: np.ndarray, max_evals: int) -> np.ndarray:
    """What `shap.PartitionExplainer` leaves on each leaf and inner node of the tree (nodes,) or (nodes, outputs); their sum is all - nothing.

    Nodes are opened in shap's order, a few at a time. Where the budget covers the whole tree all masks are known beforehand and evaluated at once;
    else masks of the nodes that are next in the queue are evaluated with those shap asks for, and a few of them turn out not to be needed.

    Args:
        output: Output (masks,) or (masks, outputs) for masks (masks, leaves) that are true where a leaf stays.
        tree: Linkage (leaves - 1, 4).
        max_evals: Most masks as shap counts them.
    """
    opener, leaves, budget = _Opener(output, tree), len(tree) + 1, max_evals - 2
    empty = np.zeros(leaves, bool)
    nothing, everything = opener.values([empty, ~empty])
    credits = np.zeros((2 * leaves - 1, *np.shape(nothing)))
    queue, age, spent = [_Node(0.0, 0, empty, nothing, everything, 2 * leaves - 2, 1.0)], 1, 0
    while queue and spent < budget:
        batch: list[_Node] = []
        while queue and 2 * len(batch) < SHAP_BATCH and spent + 2 * len(batch) < budget:
            node = heapq.heappop(queue)
            if node.number < leaves:
                credits[node.number] += (node.whole - node.without) * node.weight
            else:
                batch.append(node)
        spent += 2 * len(batch)
        for child in opener.open(batch, queue, budget - spent):
            heapq.heappush(queue, replace(child, age=age))
            age += 1
    for node in queue:
        credits[node.number] += (node.whole - node.without) * node.weight
    return credits


@dataclass(frozen=True, order=True)
class _Node:
    """A node of the tree in one context, waiting to be opened; the one whose credit is largest comes first, then the oldest.

    Attributes:
        rank: Minus the largest absolute credit over the outputs, times the weight.
        age: Number of nodes before it.
        context: Leaves outside that are kept (leaves,).
        without, whole: Output in the context without the leaves of the node and with them.
        number: Number of the node.
        weight: Share of its contexts.
    """

    rank: float
    age: int
    context: np.ndarray = field(compare=False)
    without: Any = field(compare=False)
    whole: Any = field(compare=False)
    number: int = field(compare=False)
    weight: float = field(compare=False)


class _Opener:
    """Opens nodes: outputs of their halves, each mask asked for once and many at a time."""

    def __init__(self, output: Callable[[np.ndarray], np.ndarray], tree: np.ndarray) -> None:
        """Keeps the halves of each inner node and which leaves are under each node (nodes, leaves)."""
        self.output, self.leaves, self.size = output, len(tree) + 1, _openings(tree)[-1]
        self.halves, self.under = tree[:, :2].astype(int), _under(tree)
        self.known: dict[bytes, Any] = {}

    def values(self, masks: Sequence[np.ndarray]) -> list[Any]:
        """Output of each mask."""
        new = {mask.tobytes(): mask for mask in masks if mask.tobytes() not in self.known}
        if new:
            self.known.update(zip(new, self.output(np.array(list(new.values()))), strict=True))
        return [self.known[mask.tobytes()] for mask in masks]

    def open(self, nodes: Sequence[_Node], queue: Sequence[_Node], budget: int) -> Iterator[_Node]:
        """The halves of each node, each without and with the other one; what is likely to be asked for next is evaluated with them."""
        asked = [mask for node in nodes for mask in self._masks(node.context, node.number)]
        if any(mask.tobytes() not in self.known for mask in asked):
            self.values(asked + self._likely(nodes, queue, self.size if self.size <= budget else min(AHEAD, budget)))
        said = self.values(asked)
        for node, one, other in zip(nodes, said[::2], said[1::2], strict=True):
            for (context, number), without, whole in zip(self._below(node.context, node.number), (node.without, node.without, other, one),
                                                         (one, other, node.whole, node.whole), strict=True):
                rank = -float(np.max(np.abs(whole - without))) * node.weight / 2
                yield _Node(rank, 0, context, without, whole, number, node.weight / 2)

    def _likely(self, nodes: Sequence[_Node], queue: Sequence[_Node], most: int) -> list[np.ndarray]:
        """Masks of the nodes that will be opened soonest, if every node has DISCOUNT of the credit of the one above it."""
        ages = itertools.count()
        waiting = [(node.rank, next(ages), node.context, node.number) for node in (*nodes, *queue) if node.number >= self.leaves]
        heapq.heapify(waiting)
        masks: list[np.ndarray] = []
        while waiting and len(masks) < most:
            rank, _, context, number = heapq.heappop(waiting)
            masks += self._masks(context, number)
            for below in self._below(context, number):
                if below[1] >= self.leaves:
                    heapq.heappush(waiting, (rank * DISCOUNT, next(ages), *below))
        return masks

    def _below(self, context: np.ndarray, number: int) -> list[tuple[np.ndarray, int]]:
        """Context and number of both halves of a node, each without and with the other half."""
        (left, right), (one, other) = self.halves[number - self.leaves].tolist(), self._masks(context, number)
        return [(context, left), (context, right), (other, left), (one, right)]

    def _masks(self, context: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The context with the left half of a node, and with its right half."""
        left, right = self.halves[number - self.leaves]
        return context | self.under[left], context | self.under[right]


def _openings(tree: np.ndarray) -> list[int]:
    """Masks that opening each node to its leaves takes (nodes,): two, and those of both halves in two contexts."""
    counts = [0] * (len(tree) + 1)
    for left, right in tree[:, :2].astype(int):
        counts.append(2 + 2 * (counts[left] + counts[right]))
    return counts


def _under(tree: np.ndarray) -> np.ndarray:
    """Whether a leaf is under a node (nodes, leaves)."""
    leaves = len(tree) + 1
    under = np.eye(2 * leaves - 1, leaves, dtype=bool)
    for node, (left, right) in enumerate(tree[:, :2].astype(int), leaves):
        under[node] = under[left] | under[right]
    return under


def _check_budget(max_evals: int) -> None:
    if max_evals < 3:
        raise InputError(f"max_evals is {max_evals}, expected at least 3 (the default is {MAX_EVALS}).")


def _shared(credits: np.ndarray, tree: np.ndarray, players: np.ndarray) -> np.ndarray:
    """What each leaf gets (leaves,) of the credits on leaves and inner nodes (nodes,), each shared evenly by the players under it."""
    sharing = _under(tree) & players
    return np.asarray(credits @ (sharing / np.maximum(sharing.sum(1, keepdims=True), 1)))
