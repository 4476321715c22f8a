"""Rollout and flow by hand and by brute force over cuts; shares of every architecture."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from models.classifier import Classifier
from models.errors import Cancelled, InputError
from models.translator import Translator
from tests.conftest import TEXTS
from tests.xai.conftest import SENTENCES
from xai import attention
from xai.attention import AttentionMap
from xai.attention_flow import attention_flow, pair_flow, pair_rollout
from xai.cross_attention import raw_pair_attentions
from xai.forced_pair import ForcedPair, force
from xai.masking import token_owners

Node = tuple[str, int, int]


def made(places: int, layers: int, seed: int = 0) -> AttentionMap:
    """Random attention of two heads."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(places), size=(layers, 2, places)).astype(np.float32)
    return AttentionMap("a b c d"[: 2 * places - 1], tuple("abcd"[:places]), tuple((2 * n, 2 * n + 1) for n in range(places)), tuple(range(places)), weights)


def smallest_cut(capacities: np.ndarray, start: int, end: int) -> float:
    """Least capacity that parts two nodes, over all ways to part them (max-flow min-cut theorem)."""
    others = [node for node in range(len(capacities)) if node not in (start, end)]
    best = np.inf
    for sides in itertools.product((False, True), repeat=len(others)):
        inside = np.zeros(len(capacities), bool)
        inside[start] = True
        inside[others] = sides
        best = min(best, capacities[inside][:, ~inside].sum())
    return float(best)


def program(edges: dict[tuple[Node, Node], float], start: Node, end: Node) -> float:
    """Greatest flow by linear programming: what leaves the start, where every other node but the end passes on what it gets."""
    inner = {node: number for number, node in enumerate(dict.fromkeys(node for edge in edges for node in edge if node not in (start, end)))}
    balance, leaves = np.zeros((len(inner), len(edges))), np.array([-float(above == start) for above, _ in edges])
    for column, (above, below) in enumerate(edges):
        for node, sign in ((above, -1), (below, 1)):
            if node in inner:
                balance[inner[node], column] = sign
    return -float(linprog(leaves, A_eq=balance, b_eq=np.zeros(len(inner)), bounds=[(0, capacity) for capacity in edges.values()]).fun)


def pair_of(translator: Translator) -> ForcedPair:
    return force(translator, SENTENCES[0], SENTENCES[1], source_language="en", target_language="zh")


@pytest.mark.parametrize(("places", "layers"), [(2, 1), (3, 2), (4, 2)])
def test_flow_is_the_smallest_cut(places: int, layers: int) -> None:
    found = made(places, layers)
    nodes = (layers + 1) * places
    capacities = np.zeros((nodes, nodes))
    for level, layer in enumerate(found.weights.astype(np.float64).mean(1)[::-1]):
        capacities[level * places : (level + 1) * places, (level + 1) * places : (level + 2) * places] = 0.5 * layer + 0.5 * np.eye(places)
    for query in range(places):
        cuts = np.array([smallest_cut(capacities, query, layers * places + place) for place in range(places)])
        assert attention_flow(found, query) == pytest.approx(cuts / cuts.sum(), abs=1e-4)


def test_without_a_classifying_token_it_starts_at_all_places() -> None:
    places, layers = 3, 2
    found, nodes = made(places, layers), (layers + 1) * places
    capacities = np.zeros((nodes + 1, nodes + 1))
    capacities[nodes, :places] = 1 / places
    for level, layer in enumerate(found.weights.astype(np.float64).mean(1)[::-1]):
        capacities[level * places : (level + 1) * places, (level + 1) * places : (level + 2) * places] = 0.5 * layer + 0.5 * np.eye(places)
    cuts = np.array([smallest_cut(capacities, nodes, layers * places + place) for place in range(places)])
    assert attention_flow(found) == pytest.approx(cuts / cuts.sum(), abs=1e-4)
    classified = replace(found, offsets=(None, *found.offsets[1:]))
    assert attention_flow(classified) == pytest.approx(attention_flow(found, 0), abs=1e-9)


def test_one_layer_is_the_layer_itself() -> None:
    found = made(4, 1)
    assert attention_flow(found, 0) == pytest.approx(0.5 * found.weights[0].mean(0)[0] + 0.5 * np.eye(4)[0], abs=1e-5)


def test_flow_of_every_architecture(tiny_classifier: Classifier) -> None:
    seen = attention.maps(tiny_classifier, TEXTS[1]).words()
    flow = attention_flow(seen)
    assert flow.shape == (len(seen.tokens),) and flow.sum() == pytest.approx(1) and (flow > 0).all()
    with pytest.raises(InputError, match=f"There is no place 99; the text has places 0 to {len(seen.tokens) - 1}"):
        attention_flow(seen, 99)

    def stop(done: int, total: int) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        attention_flow(seen, progress=stop)


def test_rollout_of_a_pair_by_hand(tiny_translator: Translator) -> None:
    """Written as one matrix over source and target places, in which the decoder's layers read what the encoder has made."""
    pair = pair_of(tiny_translator)
    cross, own, encoder = (weights.astype(np.float64).mean(1) for weights in raw_pair_attentions(pair))
    sources, targets = cross.shape[2], own.shape[2]
    state = np.eye(sources + targets)
    for layer in encoder:
        step = np.eye(sources + targets)
        step[:sources, :sources] = 0.5 * layer + 0.5 * np.eye(sources)
        state = step @ state
    for looks, reads in zip(own, cross, strict=True):
        first, second = np.eye(sources + targets), np.eye(sources + targets)
        first[sources:, sources:] = 0.5 * looks + 0.5 * np.eye(targets)
        second[sources:, sources:], second[sources:, :sources] = 0.5 * np.eye(targets), 0.5 * reads
        state = second @ first @ state
    found = pair_rollout(pair)
    owners = token_owners(pair.source)
    for row, places in enumerate(pair.target.positions):
        written = np.mean([state[sources + place - 1] for place in places], axis=0)
        expected = [written[:sources][owners == token].sum() for token in range(len(pair.source.offsets))]
        assert found.source_weights[row] == pytest.approx(expected)
        earlier = [written[sources:][token_owners(pair.target)[:-1] == token].sum() for token in range(row)]
        assert found.prefix_weights[row, :row] == pytest.approx(earlier)
    assert not np.triu(found.prefix_weights).any() and (found.special_weights > 0).all()


def test_flow_of_a_pair(tiny_translator: Translator) -> None:
    """Against linear programming on the same graph, written edge by edge; the emoji is of several pieces in some models."""
    pair = force(tiny_translator, "Tee 😀", "茶 😀", source_language="en", target_language="zh")
    cross, own, encoder = (weights.astype(np.float64).mean(1) for weights in raw_pair_attentions(pair))
    edges: dict[tuple[Node, Node], float] = {}
    for level, (looks, reads) in enumerate(zip(own, cross, strict=True)):
        for place in range(len(looks)):
            edges[("target", level + 1, place), ("looked", level, place)] = 0.5
            for key in range(reads.shape[1]):
                edges[("target", level + 1, place), ("source", len(encoder), key)] = 0.5 * reads[place, key]
            for key in range(len(looks)):
                edges[("looked", level, place), ("target", level, key)] = 0.5 * looks[place, key] + 0.5 * (place == key)
    for level, layer in enumerate(encoder):
        for place, key in np.ndindex(*layer.shape):
            edges[("source", level + 1, place), ("source", level, key)] = 0.5 * layer[place, key] + 0.5 * (place == key)
    for row, writers in enumerate(pair.target.positions):
        begun = {(("start", 0, 0), ("target", len(own), place - 1)): 1 / len(writers) for place in writers}
        expected = np.array([sum(program({**edges, **begun}, ("start", 0, 0), ("source", 0, place)) for place in places) for places in pair.source.positions])
        assert pair_flow(pair, row) == pytest.approx(expected / expected.sum(), abs=1e-4)
    with pytest.raises(InputError, match="There is no target token 99"):
        pair_flow(pair, 99)
