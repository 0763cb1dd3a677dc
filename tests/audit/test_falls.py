"""What falls with what, beside brute force that lets each thing fail, and beside networkx's dominators."""

import itertools
import random

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.audit.falls import Falls, components
from outlast.audit.finding import Kind, Thing
from outlast.audit.graph import Graph
from outlast.audit.roads import roads

MOST = 7


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Small graphs with and-nodes, or-nodes and circles; some nodes stand for nothing."""
    size = draw(st.integers(1, MOST))
    graph = Graph()
    for number in range(size):
        any_of = draw(st.booleans())
        thing = None if draw(st.integers(0, 4)) == 0 else Thing(Kind.SERVICE, str(number))
        graph.node(thing, any_of=any_of)
    for node in range(size):
        for child in draw(st.lists(st.integers(0, size - 1), unique=True, max_size=3)):
            if child != node:
                graph.need(node, child, "hard")
    return graph


def down_with(graph: Graph, lost: set[Thing]) -> set[int]:
    """The nodes that go down when some things are lost: failures spread until nothing changes."""
    down: set[int] = set()
    while True:
        more = {
            node
            for node in range(len(graph.things))
            if node not in down
            and (
                graph.things[node] in lost
                or (
                    all(child in down for child in graph.needs[node]) and graph.needs[node]
                    if graph.any_of[node]
                    else any(child in down for child in graph.needs[node])
                )
            )
        }
        if not more:
            return down
        down |= more


@given(graphs())
def test_single_failures_are_those_of_brute_force(graph: Graph) -> None:
    """For every node and thing."""
    falls = Falls(graph)
    for thing in falls.things:
        down = down_with(graph, {thing})
        assert falls.tally([*range(len(graph.things))]).get(thing, 0) == len(down)
        for node in range(len(graph.things)):
            assert falls.fells(thing, node) == (node in down)
            assert (thing in set(falls.fell(node))) == (node in down)


@given(graphs())
def test_pairs_are_those_of_brute_force(graph: Graph) -> None:
    """All sets of two that fell a node which outlives both, and no other."""
    falls = Falls(graph)
    nodes = [*range(len(graph.things))]
    found = falls.pairs(nodes)
    assert found.complete
    for node in nodes:
        expected = {
            frozenset(pair)
            for pair in itertools.combinations(falls.things, 2)
            if node in down_with(graph, set(pair))
            and not any(falls.fells(one, node) for one in pair)
        }
        assert {frozenset((one.first, one.second)) for one in found.of[node]} == expected


def test_the_search_for_pairs_ends_at_its_bound() -> None:
    """And says that it did."""
    graph = Graph()
    top = graph.node(Thing(Kind.SERVICE, "top"))
    for number in range(20):
        either = graph.node(any_of=True)
        graph.need(top, either, "hard")
        for side in "ab":
            graph.need(either, graph.node(Thing(Kind.SERVICE, f"{number}{side}")), "hard")
    falls = Falls(graph)
    assert len(falls.pairs([top]).of[top]) == 20
    bounded = falls.pairs([top], work_max=10)
    assert not bounded.complete
    assert 0 < len(bounded.of[top]) < 20
    assert bounded.tried < bounded.candidates


@given(graphs())
def test_a_road_leads_through_nodes_that_fall(graph: Graph) -> None:
    """From each thing that falls to what fells it, along edges that exist."""
    falls = Falls(graph)
    edges = {
        (graph.things[node], graph.things[child])
        for node, children in enumerate(graph.needs)
        for child in children
    }
    for end in falls.things:
        starts = [one for one in falls.things if falls.fells(end, graph.number[one])]
        found = roads(falls, starts, end)
        assert [one.start for one in found] == starts
        for road in found:
            way = [road.start, *(step.thing for step in road.steps)]
            assert way[-1] == end
            assert all(falls.fells(end, graph.number[one]) for one in way)
            if None not in graph.things:
                assert all(pair in edges for pair in itertools.pairwise(way))


@pytest.mark.parametrize("seed", range(5))
def test_without_spare_roads_the_answer_is_that_of_dominators(seed: int) -> None:
    """Turned round: where each node needs any child, what fells it dominates it, seen from the ground."""
    chance = random.Random(seed)
    graph = Graph()
    ground = graph.node(Thing(Kind.SERVICE, "0"))
    for number in range(1, 60):
        node = graph.node(Thing(Kind.SERVICE, str(number)), any_of=True)
        for child in chance.sample(range(node), min(node, chance.randint(1, 3))):
            graph.need(node, child, "hard")
    other: nx.DiGraph[int] = nx.DiGraph(
        [(child, node) for node, children in enumerate(graph.needs) for child in children]
    )
    above = nx.immediate_dominators(other, ground)
    falls = Falls(graph)
    for node in range(len(graph.things)):
        chain = [node]
        while chain[-1] != ground:
            chain.append(above[chain[-1]])
        assert {int(one.name) for one in falls.fell(node)} == set(chain)


@given(graphs())
def test_components_come_after_what_they_need(graph: Graph) -> None:
    """And are those of nx."""
    found = components(graph.needs)
    other: nx.DiGraph[int] = nx.DiGraph()
    other.add_nodes_from(range(len(graph.needs)))
    other.add_edges_from((node, child) for node, row in enumerate(graph.needs) for child in row)
    assert {frozenset(one) for one in found} == {
        frozenset(one) for one in nx.strongly_connected_components(other)
    }
    at = {node: number for number, members in enumerate(found) for node in members}
    assert all(at[child] <= at[node] for node, row in enumerate(graph.needs) for child in row)
