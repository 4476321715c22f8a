"""Attention through all layers: rollout of translations, and attention flow (both Abnar & Zuidema 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow

from models.errors import InputError, ModelError
from models.progress import Progress, no_progress
from xai.attention import AttentionMap
from xai.cross_attention import raw_pair_attentions
from xai.forced_pair import ForcedPair
from xai.masking import token_owners

UNIT = 1_000_000  # of the whole-number capacities: flows are right to a millionth an edge


@dataclass(frozen=True)
class PairRollout:
    """Shares of attention by which each target token is written, through all layers of decoder and encoder; they sum to 1.

    Attributes:
        source_weights: On the source tokens (target, source).
        prefix_weights: On earlier target tokens (target, target).
        special_weights: On special tokens of both sides, and on a token's own earlier pieces (target,).
    """

    source_weights: np.ndarray
    prefix_weights: np.ndarray
    special_weights: np.ndarray

    def __post_init__(self) -> None:
        """Raises ModelError when the shares of a token do not sum to 1."""
        if not np.allclose(self.source_weights.sum(1) + self.prefix_weights.sum(1) + self.special_weights, 1, atol=1e-3):
            raise ModelError("The rolled-out attention of a token does not sum to 1; this model's attention cannot be shown as shares.")


def pair_rollout(pair: ForcedPair) -> PairRollout:
    """The rollout of a forced pair: in each encoder layer half of what a place has stays, half comes by attention; in each decoder layer half comes by
    the decoder's own attention, and then half from what the encoder's places are made of, by cross-attention. Heads are averaged.

    Raises:
        ModelError: The model gives no attention.
    """
    cross, own, encoder = (weights.astype(np.float64).mean(1) for weights in raw_pair_attentions(pair))
    sources, targets = cross.shape[2], own.shape[2]
    source = np.eye(sources)
    for layer in encoder:
        source = 0.5 * source + 0.5 * layer @ source
    inputs, through = np.hstack([source, np.zeros((sources, targets))]), np.hstack([np.zeros((targets, sources)), np.eye(targets)])
    for looks, reads in zip(own, cross, strict=True):
        through = 0.5 * through + 0.5 * looks @ through
        through = 0.5 * through + 0.5 * reads @ inputs
    writers = np.array([through[[place - 1 for place in places]].mean(0) for places in pair.target.positions])
    by_source = _sum_by_token(writers[:, :sources], token_owners(pair.source), len(pair.source.offsets))
    by_target = np.tril(_sum_by_token(writers[:, sources:], token_owners(pair.target)[:-1], len(pair.target.offsets)), -1)
    return PairRollout(by_source, by_target, 1 - by_source.sum(1) - by_target.sum(1))


def attention_flow(attention: AttentionMap, query: int | None = None, *, progress: Progress = no_progress) -> np.ndarray:
    """Greatest flow from a place at the top to each place at the bottom, divided by their sum (places,).

    Edges run from each layer to the one below with capacities 1/2 attention (mean of the heads) + 1/2 identity, in millionths.

    Args:
        attention: The maps of a text.
        query: Where the flow starts; by default at the first place where it is a special token, else at all places in equal parts.
        progress: Called with (places done, places); may raise Cancelled.

    Raises:
        InputError: There is no such place.
    """
    places = len(attention.tokens)
    if query is not None and not 0 <= query < places:
        raise InputError(f"There is no place {query}; the text has places 0 to {places - 1}.")
    starts = [query] if query is not None else [0] if attention.offsets[0] is None else list(range(places))
    layers = [0.5 * layer + 0.5 * np.eye(places) for layer in attention.weights.astype(np.float64).mean(1)]
    edges = [(level * places, (level + 1) * places, layer) for level, layer in enumerate(reversed(layers))]
    return _flows(edges, starts, range(len(layers) * places, (len(layers) + 1) * places), progress)


def pair_flow(pair: ForcedPair, row: int, *, progress: Progress = no_progress) -> np.ndarray:
    """Greatest flow from the place that writes a target token through decoder, cross-attention and encoder to each source token, divided by
    their sum (source,); what goes to special tokens and to earlier target tokens is left out. The places that write a token of several pieces start
    it in equal parts.

    Raises:
        InputError: There is no such target token.
        ModelError: The model gives no attention.
    """
    if not 0 <= row < len(pair.target.offsets):
        raise InputError(f"There is no target token {row}; the translation has tokens 0 to {len(pair.target.offsets) - 1}.")
    cross, own, encoder = (weights.astype(np.float64).mean(1) for weights in raw_pair_attentions(pair))
    sources, targets, edges, node = cross.shape[2], own.shape[2], [], 0
    top = len(own) * 2 * targets + targets  # behind the decoder's levels come the encoder's
    for looks, reads in zip(reversed(own), reversed(cross), strict=True):
        edges += [(node, node + targets, 0.5 * np.eye(targets)), (node, top, 0.5 * reads),
                  (node + targets, node + 2 * targets, 0.5 * looks + 0.5 * np.eye(targets))]
        node += 2 * targets
    for level, layer in enumerate(reversed(encoder)):
        edges.append((top + level * sources, top + (level + 1) * sources, 0.5 * layer + 0.5 * np.eye(sources)))
    bottom = top + len(encoder) * sources
    kept = [place for place, owner in enumerate(token_owners(pair.source)) if owner >= 0]
    flows = _flows(edges, [place - 1 for place in pair.target.positions[row]], [bottom + place for place in kept], progress)
    return np.bincount(token_owners(pair.source)[kept], weights=flows, minlength=len(pair.source.offsets))


def _flows(edges: list[tuple[int, int, np.ndarray]], starts: Sequence[int], ends: Sequence[int], progress: Progress) -> np.ndarray:
    """Greatest flow to each of the ends alone, divided by their sum (ends,); edges are blocks (from, to) of capacities.

    The flow, 1 at most, comes in equal parts from the starts; no place passes on more than 1, so a single start is not narrowed.
    """
    top = max(below + block.shape[1] for _, below, block in edges)  # behind all places; stands above the starts
    rows = np.concatenate([np.repeat(above + np.arange(len(block)), block.shape[1]) for above, _, block in edges] + [np.full(len(starts), top)])
    columns = np.concatenate([np.tile(below + np.arange(block.shape[1]), len(block)) for _, below, block in edges] + [np.array(starts)])
    shares = np.concatenate([block.ravel() for *_, block in edges] + [np.full(len(starts), 1 / len(starts))])
    graph = coo_array((np.round(shares * UNIT).astype(np.int32), (rows, columns)), shape=(top + 1, top + 1)).tocsr()
    graph.eliminate_zeros()
    found = []
    for number, end in enumerate(ends):
        progress(number, len(ends))
        found.append(maximum_flow(graph, top, end).flow_value)
    flows = np.array(found, dtype=np.float64)
    return np.asarray(flows / max(flows.sum(), 1))


def _sum_by_token(weights: np.ndarray, owners: np.ndarray, tokens: int) -> np.ndarray:
    """Weights (rows, places) of all places of a token added up (rows, tokens)."""
    return np.asarray(weights @ (owners[:, None] == np.arange(tokens)))
