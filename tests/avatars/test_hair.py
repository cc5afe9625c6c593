"""Hair and beards: out of eyes and mouth, outside of the head, moving with it and lying on the chest."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from data_pipelines.avatars import outfit
from data_pipelines.avatars.wear import hair, strands, styles, tied
from tests.avatars.wearing import before_the_face, betas_of, dressed, model, person, plain, seen, still, vertices_of
from vlogger_jax.body import names

LONG = styles.Hair(top=0.42, side=0.38, width=0.016, parting=0.01, seed=3)
ARMS = {
    **{"left_collar": (0, 0, -4), "left_shoulder": (0, -8, -70), "left_elbow": (0, -18, 0)},
    **{"right_collar": (0, 0, -4), "right_shoulder": (0, 8, 70), "right_elbow": (0, 18, 0)},
}
TURNS = {
    "none": {},
    "left": {"neck": (0, 13, 0), "head": (0, 14, 0)},
    "right": {"neck": (0, -13, 0), "head": (0, -14, 0)},
    "down": {"neck": (10, 0, 0), "head": (14, 0, 0)},
    "aside": {"neck": (0, 0, 10), "head": (0, 0, 12)},
}


def covered(worn: outfit.Outfit, betas: np.ndarray) -> dict[str, float]:
    """The parts of the bare eyes and lips that hair, beard or hat hides from in front."""
    vertices = outfit.pose(model(), worn, still(betas)).vertices
    camera = before_the_face(vertices[0])
    hides = np.isin(worn.material, [outfit.MATERIALS.index(name) for name in ("body", "hair", "beard", "hat")])
    count = len(model().faces)
    bare = seen(vertices, np.where(np.arange(len(worn.faces))[:, None] < count, worn.faces, 0), camera)
    grown = seen(vertices, np.where(hides[:, None], worn.faces, 0), camera)
    found = {}
    for part, labels in {"eyes": ("sclera", "iris"), "lips": ("lips",)}.items():
        wanted = [names.LABELS.index(label) for label in labels]
        visible = (bare >= 0) & np.isin(np.asarray(model().labels)[np.clip(bare, 0, count - 1)], wanted)
        assert visible.sum() > 20
        found[part] = float((grown != bare)[visible].mean())
    return found


def test_eyes_and_lips_are_never_covered():
    hidden = [covered(worn, betas) for betas, _, worn in (person(seed) for seed in range(16))]
    assert max(each["lips"] for each in hidden) < 0.02
    assert max(each["eyes"] for each in hidden) < 0.15
    assert np.mean([each["eyes"] for each in hidden]) < 0.01


SIDE_PARTED = styles.Hair(top=0.30, side=0.26, parting=-0.04, mess=0.18, width=0.0195, seed=825489541)
CURLY_FRINGE = styles.Hair(top=0.2, side=0.16, fringe=0.075, lift=0.4, curl=0.014, wave=0.05, mess=0.3)


@pytest.mark.parametrize("style", [SIDE_PARTED, CURLY_FRINGE], ids=["side parting", "curly fringe"])
def test_hair_combed_towards_the_face_leaves_the_eyes(style):
    for seed in range(3):
        _, worn = dressed(plain(hair=style), seed)
        assert covered(worn, betas_of(seed))["eyes"] < 0.05


def test_a_full_beard_leaves_the_lips():
    beard = styles.Beard(chin=0.018, cheeks=0.015, moustache=0.01, hanging=0.08)
    for seed in range(3):
        _, worn = dressed(plain(beard=beard), seed)
        assert covered(worn, betas_of(seed))["lips"] < 0.03


def test_the_bald_have_no_hair_and_the_shaved_no_strands():
    count = len(model().v_template) + outfit.SHELL
    assert len(vertices_of(dressed(plain())[1], "hair")) == 0
    shaved = vertices_of(dressed(plain(hair=styles.Hair(top=0.004, side=0.004)))[1], "hair")
    assert len(shaved) > 500
    assert shaved.max() < count
    assert vertices_of(dressed(plain(hair=LONG))[1], "hair").max() >= count


@pytest.mark.parametrize("turn", TURNS)
def test_long_hair_does_not_sink_into_neck_and_chest(turn):
    sunk = []
    for seed in range(3):
        figure, worn = dressed(plain(hair=LONG), seed)
        posed = outfit.pose(model(), worn, still(betas_of(seed), {**ARMS, **TURNS[turn]}))
        first = len(model().v_template) + outfit.SHELL
        low = vertices_of(worn, "hair")
        low = low[low >= first]
        low = low[worn.free_position[low - first, 1] < figure.joint("neck")[1]]
        assert len(low) > 500, "long hair reaches below the neck"
        solid = figure.anatomy.vertices_of("neck", "torso", "arms")
        solid = solid[np.abs(figure.anatomy.template[solid, 0]) < 0.3]
        _, near = cKDTree(posed.vertices[0, solid]).query(posed.vertices[0, low])
        away = posed.vertices[0, low] - posed.vertices[0, solid[near]]
        sunk.append(((away * posed.normals[0, solid[near]]).sum(axis=-1) < -0.004).mean())
    assert np.mean(sunk) < 0.02


def test_roots_follow_the_head_and_ends_stay_on_the_chest():
    figure, worn = dressed(plain(hair=LONG))
    first = len(model().v_template) + outfit.SHELL
    mine = vertices_of(worn, "hair")
    mine = mine[mine >= first]
    height = worn.free_position[mine - first, 1]
    still_, turned = (
        outfit.pose(model(), worn, still(betas_of(0), pose)).vertices[0, mine] for pose in ({}, TURNS["left"])
    )
    moved = np.linalg.norm(turned - still_, axis=-1)
    assert np.median(moved[height > figure.joint("head")[1] + 0.08]) > 0.015
    assert moved[height < figure.joint("neck")[1] - 0.06].max() < 0.002


def test_strands_keep_their_length_and_stay_outside():
    figure, _ = dressed(plain())
    roots = figure.lowered[figure.anatomy.vertices_of("scalp")[::40]]
    lengths = np.full(len(roots), 0.3)
    first = np.tile((0.0, 1.0, 0.0), (len(roots), 1))

    def fall(step: int, position: np.ndarray, direction: np.ndarray) -> np.ndarray:
        return direction + np.array([0.0, -1.0, 0.0])

    path = strands.grow(figure, roots, lengths, first, np.full(len(roots), 0.005), 12, fall)
    np.testing.assert_allclose(np.linalg.norm(np.diff(path, axis=1), axis=-1).sum(axis=1), lengths, rtol=1e-6)
    points = path[:, 1:].reshape(-1, 3)
    np.testing.assert_allclose(figure.push_out(points, 0.0), points, atol=0.012)


def test_curls_wind_around_the_strand():
    path = np.zeros((1, 101, 3))
    path[0, :, 0] = np.linspace(0, 1, 101)
    wound = strands.curl(path, np.array([0.02]), np.array([4.0]), np.array([0.0]))
    distance = np.linalg.norm((wound - path)[0], axis=-1)
    np.testing.assert_allclose(distance[60:], 0.02, rtol=1e-9)
    assert distance[0] == 0
    crossings = (np.diff(np.sign(wound[0, 5:-5, 2])) != 0).sum()
    assert 6 <= crossings <= 9


def test_ribbons_carry_their_strand_their_length_and_their_direction():
    path = np.zeros((3, 5, 3))
    path[:, :, 1] = -np.linspace(0, 0.2, 5)
    path[:, :, 0] = np.arange(3)[:, None]
    outward = np.zeros_like(path) + np.array([0.0, 0.0, 1.0])
    joints = (np.zeros((15, 4), np.int32), np.tile((1.0, 0, 0, 0), (15, 1)))
    ribbon = strands.ribbons(path, outward, np.full(3, 0.01), joints, "hair", first=7)
    place = ribbon.place.reshape(3, 5, 2, 3)
    np.testing.assert_array_equal(place[..., 0], np.array([7, 8, 9])[:, None, None] + np.zeros((3, 5, 2)))
    np.testing.assert_allclose(place[:, :, 0, 1], np.tile(np.linspace(0, 0.2, 5), (3, 1)))
    np.testing.assert_allclose(ribbon.tangent, np.tile((0.0, -1.0, 0.0), (30, 1)))
    a, b, c = (ribbon.position[ribbon.faces[:, corner]] for corner in range(3))
    assert (np.cross(b - a, c - a)[:, 2] > 0).all(), "the front looks outward"
    assert np.ptp(ribbon.position[:, 0].reshape(3, 5, 2), axis=2).max() <= 0.01 + 1e-9


def test_tied_hair_leaves_the_neck_free():
    bun = dataclasses.replace(LONG, gather=1.0, knot=0.40, bun=1.0)
    figure, worn = dressed(plain(hair=bun))
    first = len(model().v_template) + outfit.SHELL
    mine = vertices_of(worn, "hair")
    mine = worn.free_position[mine[mine >= first] - first]
    assert mine[:, 1].min() > figure.joint("neck")[1]
    at_the_knot = mine.reshape(hair.STRANDS, hair.STEPS + 1, 2, 3)[:, tied.TO_THE_KNOT].mean(axis=1)
    assert np.linalg.norm(at_the_knot - np.median(at_the_knot, axis=0), axis=-1).max() < 0.04
    middles = mine.reshape(hair.STRANDS, hair.STEPS + 1, 2, 3).mean(axis=2)
    assert np.linalg.norm(np.diff(middles, axis=1), axis=-1).max() < 0.1, "strands run over the scalp step by step"
    assert len(mine) == hair.STRANDS * 2 * (hair.STEPS + 1)
