"""Cutting shells: exact along straight lines, closed by a rim, seen from outside."""

import numpy as np
import pytest

from data_pipelines.avatars.wear import cut, figure
from tests.avatars.wearing import betas_of, model

OFF = 0.01


@pytest.fixture(scope="module")
def body() -> figure.Figure:
    return figure.make(model(), betas_of(0) * 0)


def positions(body: figure.Figure, shell: cut.Shell) -> np.ndarray:
    share = shell.share[:, None]

    def over(values: np.ndarray) -> np.ndarray:
        return (1 - share) * values[shell.vertex] + share * values[shell.toward]

    return over(body.rest) + shell.offset[:, None] * over(body.normals)


def sleeve(body: figure.Figure, at: float) -> cut.Shell:
    """Cloth on the left arm beyond x = `at`, up to the hand."""
    faces = body.anatomy.label_faces["arms"]
    faces = faces[body.rest[faces][..., 0].min(axis=1) > 0.2]
    inside = np.minimum(body.rest[:, 0] - at, 0.6 - body.rest[:, 0])
    return cut.shell(body, faces, inside, np.full(len(inside), OFF), "garment")


def test_the_edge_lies_on_the_line(body):
    at = 0.3137
    shell = sleeve(body, at)
    share = shell.share[:, None]
    below = ((1 - share) * body.rest[shell.vertex] + share * body.rest[shell.toward])[:, 0]
    split = (shell.share > 0) & np.isclose(shell.offset, OFF)
    near = split & (below < 0.45)
    assert near.sum() > 20
    np.testing.assert_allclose(below[near], at, atol=1e-6)
    assert below.min() > at - 1e-6


def test_faces_look_outwards(body):
    shell = sleeve(body, 0.31)
    vertices = positions(body, shell)
    a, b, c = (vertices[shell.faces[:, corner]] for corner in range(3))
    outward = np.cross(b - a, c - a)
    share = shell.share[:, None]
    normal = ((1 - share) * body.normals[shell.vertex] + share * body.normals[shell.toward])[shell.faces].mean(axis=1)
    cloth = (shell.offset[shell.faces] > 0).all(axis=1)
    assert ((outward * normal).sum(axis=1)[cloth] > 0).all()
    # The rim at the lower end looks along the arm, away from the cloth.
    middle = vertices[shell.faces].mean(axis=1)
    rim = ~cloth & (middle[:, 0] < 0.4) & (np.linalg.norm(outward, axis=1) > 1e-9)
    assert (outward[rim, 0] < 0).mean() > 0.95


def test_a_shell_with_its_rim_has_no_gap(body):
    shell = sleeve(body, 0.31)
    place = np.round(positions(body, shell), 7)
    _, same = np.unique(place, axis=0, return_inverse=True)
    faces = same.reshape(-1)[shell.faces]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[edges[:, 0] != edges[:, 1]]
    forth = {tuple(edge) for edge in edges.tolist()}
    open_edges = [edge for edge in forth if edge[::-1] not in forth]
    inner = {same.reshape(-1)[index] for index in np.flatnonzero(shell.offset < 0)}
    assert open_edges
    assert all(one in inner and other in inner for one, other in open_edges), "the cloth ends off the skin"


def test_nothing_outside_gives_nothing_and_everything_inside_the_whole(body):
    faces = body.anatomy.label_faces["torso"]
    every, off = np.ones(len(body.rest)), np.full(len(body.rest), OFF)
    assert len(cut.shell(body, faces, every, off, "garment").faces) == len(faces)
    assert len(cut.shell(body, faces, -every, off, "garment").faces) == 0


def test_tension_spans_hollows_and_never_sinks_below_the_least(body):
    region = body.anatomy.vertices_of("torso")
    rng = np.random.default_rng(0)
    rough = OFF + 0.005 * rng.random(len(body.rest))
    least = np.full(len(body.rest), 0.008)
    found = cut.tension(body, region, rough, least, 20)
    assert (found[region] >= 0.008).all()
    others = np.setdiff1d(np.arange(len(body.rest)), region)
    np.testing.assert_array_equal(found[others], rough[others])

    def roughness(offset: np.ndarray) -> float:
        cloth = body.rest + body.normals * offset[:, None]
        away = body.anatomy.neighbours @ cloth - cloth
        return float(np.abs((away * body.normals).sum(axis=1)[region]).mean())

    assert roughness(found) < 0.6 * roughness(rough)
