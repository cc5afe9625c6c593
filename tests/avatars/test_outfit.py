"""Outfits: fixed shapes, exact skinning, the same numbers on numpy and under jit."""

import dataclasses

import jax
import numpy as np
import pytest

from data_pipelines.avatars import outfit, wear
from data_pipelines.avatars.wear import styles
from data_pipelines.default_body.shading import vertex_normals
from tests.avatars.wearing import betas_of, dressed, model, person, plain, still, talking
from vlogger_jax.body import rotation, smplx

SEEDS = range(50)


def shapes(worn):
    return [(name, value.shape, value.dtype) for name, value in vars(worn).items()]


def test_every_outfit_has_the_same_shapes():
    assert all(shapes(person(seed)[2]) == shapes(person(0)[2]) for seed in SEEDS)


def test_faces_name_vertices_and_faces_that_exist():
    for seed in SEEDS:
        worn = person(seed)[2]
        count = len(worn.place)
        assert worn.faces.min() >= 0
        assert worn.faces.max() < count
        assert worn.around.min() >= 0
        assert worn.around.max() <= len(worn.faces)
        assert np.isfinite(worn.place).all()
        assert np.isfinite(worn.free_position).all()
        assert worn.material.max() < len(outfit.MATERIALS)
        assert (worn.shell_vertex < len(model().v_template)).all()
        np.testing.assert_array_equal(worn.faces[: len(model().faces)], model().faces)
        padding = (worn.faces == 0).all(axis=1)
        assert padding.sum() > 500, "hardly any room is left for other people's outfits"
        assert (worn.material[padding] == 0).all()


def test_weights_sum_to_one():
    for seed in SEEDS:
        worn = person(seed)[2]
        np.testing.assert_allclose(worn.free_weights.sum(axis=1), 1.0, atol=1e-5)
        assert worn.free_weights.min() >= 0
        assert ((worn.shell_share >= 0) & (worn.shell_share <= 1)).all()


def test_no_piece_is_far_from_the_body():
    for seed in SEEDS:
        worn = person(seed)[2]
        used = worn.free_position[np.abs(worn.free_position).sum(axis=1) > 0]
        assert np.abs(worn.shell_offset).max() < 0.11
        assert (np.abs(used) < (0.95, 0.8, 0.45)).all()


def test_the_same_seed_gives_the_same_outfit():
    betas = betas_of(3)
    rngs = [np.random.default_rng(3) for _ in range(2)]
    worn = [wear.sample(rng, model(), betas) for rng in rngs]
    assert worn[0] == worn[1]
    made = [outfit.dress(model(), betas, one, rng) for one, rng in zip(worn, rngs, strict=True)]
    for name, value in vars(made[0]).items():
        assert value.tobytes() == getattr(made[1], name).tobytes()


def test_people_differ():
    assert len({person(seed)[1] for seed in SEEDS}) == len(SEEDS)
    assert {type(person(seed)[1].hat) for seed in range(50)} >= {type(None), styles.Cap}


def test_whoever_wears_everything_that_may_come_together_fits():
    hair = styles.Hair(top=0.4, side=0.4, fringe=0.06)
    betas = betas_of(0)
    everything = dataclasses.replace(
        plain(
            hair=hair,
            beard=styles.Beard(chin=0.02, cheeks=0.02, moustache=0.01, hanging=0.1),
            hat=styles.Headphones(cup=0.03, bow=0.01),
            glasses=styles.Glasses(width=0.025, height=0.02, square=2.0, slant=0.0, thickness=0.001, drop=0.0),
            earrings=styles.Earrings(ring=0.02, ball=0.004, drop=0.03),
            necklace=styles.Necklace(depth=0.1, thickness=0.002, pendant=0.01),
            buttons=styles.Buttons(count=9, radius=0.005),
            held=styles.Held(hand="left", profile=((0.0, 0.1),) + ((0.02, 0.0),) * 12 + ((0.0, -0.1),)),
            collars=(
                styles.ShirtCollar(stand=0.02, fall=0.04, spread=0.5),
                styles.Tie(width=0.08, bottom=-0.25),
                styles.Hood(size=0.04, depth=0.02),
                styles.Scarf(roll=0.02, ends=0.3),
            ),
        )
    )
    long = dataclasses.replace(everything.shirt, sleeve=0.64, hem=-0.46)
    everything = dataclasses.replace(everything, shirt=long, jacket=dataclasses.replace(long, hem=-0.5))
    outfit.dress(model(), betas, everything, np.random.default_rng(0))


def test_what_does_not_fit_is_refused():
    profile = ((0.02, 0.0),) * 2000
    with pytest.raises(ValueError, match="rows where"):
        dressed(plain(held=styles.Held(hand="left", profile=profile)))


def test_bare_is_the_body():
    motion = still(betas_of(2), {"left_elbow": (0, -60, 0)})
    posed = outfit.pose(model(), outfit.bare(model()), motion)
    body = smplx.pose(model(), motion).vertices
    np.testing.assert_array_equal(posed.vertices, body)
    valence = np.bincount(np.asarray(model().faces).ravel())
    usual = valence <= outfit.bare(model()).around.shape[1]
    found, wanted = posed.normals[0], vertex_normals(body[0], np.asarray(model().faces))
    np.testing.assert_allclose(found[usual], wanted[usual], atol=2e-3)
    assert (found * wanted).sum(axis=-1).min() > 0.7


def test_a_shell_stands_off_the_body_by_its_offset():
    betas, _, worn = person(1)
    posed = outfit.pose(model(), worn, still(betas, {"left_shoulder": (0, 0, -60), "head": (10, 20, 0)}))
    count, over = len(model().v_template), worn.shell_share == 0
    own = np.arange(len(over))[over]
    body, normal = posed.vertices[0, worn.shell_vertex[own]], posed.normals[0, worn.shell_vertex[own]]
    away = posed.vertices[0, count + own] - body
    np.testing.assert_allclose((away * normal).sum(axis=-1), worn.shell_offset[own], atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(away, axis=-1), np.abs(worn.shell_offset[own]), atol=2e-6)


def test_in_the_rest_pose_free_vertices_are_where_they_were_made():
    betas, _, worn = person(4)
    posed = outfit.pose(model(), worn, still(betas))
    first = len(model().v_template) + len(worn.shell_vertex)
    np.testing.assert_allclose(posed.vertices[0, first:], worn.free_position, atol=2e-6)


def test_turning_the_person_turns_everything_alike():
    betas, _, worn = person(5)
    motion = still(betas, {"left_elbow": (0, -70, 0), "head": (0, 25, 0)})
    turn = np.float32([[0.3, -0.8, 0.2]])
    moved = dataclasses.replace(motion, global_orient=turn, transl=np.float32([[0.4, -0.2, -1.5]]))
    before, after = (outfit.pose(model(), worn, each) for each in (motion, moved))
    matrix = rotation.axis_angle_to_matrix(turn)[0]
    pelvis = smplx.pose(model(), motion).joints[0, 0]
    expected = (before.vertices[0] - pelvis) @ matrix.T + pelvis + moved.transl[0]
    np.testing.assert_allclose(after.vertices[0], expected, atol=1e-5)
    np.testing.assert_allclose(after.normals[0], before.normals[0] @ matrix.T, atol=5e-3)
    np.testing.assert_allclose(after.tangents[0], before.tangents[0] @ matrix.T, atol=1e-4)


def test_normals_and_tangents_are_unit_vectors_where_there_is_something():
    betas, _, worn = person(6)
    posed = outfit.pose(model(), worn, still(betas))
    used = np.unique(worn.faces[worn.faces.any(axis=1)])
    length = np.linalg.norm(posed.normals[0, used], axis=-1)
    assert np.isclose(length, 1.0, atol=1e-4).mean() > 0.99
    strands = np.abs(worn.tangent).sum(axis=1) > 0
    np.testing.assert_allclose(np.linalg.norm(posed.tangents[0, strands], axis=-1), 1.0, atol=1e-4)
    assert (posed.tangents[0, ~strands] == 0).all()


def test_numpy_and_jit_agree():
    betas, _, worn = person(7)
    motion, _ = talking(7, betas, frames=2)
    here, there = outfit.pose(model(), worn, motion), jax.jit(outfit.pose)(model(), worn, motion)
    assert isinstance(here.vertices, np.ndarray)
    np.testing.assert_allclose(there.vertices, here.vertices, atol=2e-6)
    np.testing.assert_allclose(there.tangents, here.tangents, atol=1e-4)
    # The normal of a face without area is noise.
    assert np.percentile(np.abs(there.normals - here.normals), 99.9) < 1e-3


def test_identities_are_posed_at_once():
    people = [person(seed) for seed in (8, 9)]
    motions = [talking(8, betas, frames=1)[0] for betas, _, _ in people]
    outfits = jax.tree.map(lambda *values: np.stack(values), *[worn for _, _, worn in people])
    together = jax.tree.map(lambda *values: np.stack(values), *motions)
    posed = jax.jit(jax.vmap(outfit.pose, in_axes=(None, 0, 0)))(model(), outfits, together)
    alone = outfit.pose(model(), people[1][2], motions[1])
    np.testing.assert_allclose(posed.vertices[1], alone.vertices, atol=2e-6)
