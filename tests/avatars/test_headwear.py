"""Hats, glasses, earrings, collars, lashes, held things: where they sit, and that they move with what carries them."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from data_pipelines.avatars import outfit
from data_pipelines.avatars.wear import collar, hats, outside, solids, styles
from tests.avatars.wearing import betas_of, dressed, model, plain, still, talking, vertices_of
from vlogger_jax.body import names, smplx

HATS = (
    styles.Beanie(line=0.385, thickness=0.009, cuff=0.03, slack=0.01),
    styles.Cap(line=0.39, thickness=0.01, visor=0.07, turn=0.0),
    styles.Brimmed(line=0.39, brim=0.06, droop=0.01, height=0.04, dent=0.01),
)
GLASSES = styles.Glasses(width=0.025, height=0.02, square=2.5, slant=0.05, thickness=0.0015, drop=0.002)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (solids.ball(0.1, 40), 4 / 3 * np.pi * 0.1**3),
        (solids.box((0.1, 0.2, 0.3)), 8 * 0.1 * 0.2 * 0.3),
        (solids.revolved([(0.0, 0.5), (0.1, 0.5), (0.1, -0.5), (0.0, -0.5)], 64), np.pi * 0.1**2),
        (solids.tube(np.array([[0.0, 0, 0], [0.5, 0, 0], [1.0, 0, 0]]), 0.1, 64), np.pi * 0.1**2),
    ],
)
def test_solids_enclose_their_volume_and_look_outwards(mesh, expected):
    assert volume(*mesh) == pytest.approx(expected, rel=0.02)


def test_a_closed_tube_is_a_torus():
    angle = 2 * np.pi * np.arange(200) / 200
    ring = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    assert volume(*solids.tube(ring, 0.1, 48, closed=True)) == pytest.approx(2 * np.pi**2 * 0.01, rel=0.02)


def test_moved_turns_and_then_moves():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    vertices, _ = solids.moved((np.array([[1.0, 0, 0]]), np.zeros((0, 3), int)), turn, np.array([0.0, 0, 5.0]))
    np.testing.assert_allclose(vertices, [[0, 1, 5]])


@pytest.mark.parametrize("hat", HATS, ids=lambda hat: type(hat).__name__)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hats_enclose_the_top_of_the_head(hat, seed):
    figure, worn = dressed(plain(hat=hat, hair=styles.Hair(top=0.03, side=0.03)), seed)
    first = len(model().v_template) + outfit.SHELL
    hat_points = worn.free_position[vertices_of(worn, "hat") - first]
    scalp = figure.rest[figure.anatomy.vertices_of("scalp")]
    assert hat_points[:, 1].max() > scalp[:, 1].max() + 0.004
    high = scalp[scalp[:, 1] > figure.points[0:10, 1].mean() + 0.075]
    for axis in (0, 2):
        assert hat_points[:, axis].max() > high[:, axis].max()
        assert hat_points[:, axis].min() < high[:, axis].min()
    eyes = figure.points[19:31]
    before = (np.abs(hat_points[:, 0]) < 0.04) & (hat_points[:, 2] > eyes[:, 2].min())
    assert hat_points[before, 1].min() > eyes[:, 1].max() + 0.006, "no hat hangs over the eyes"


def test_hats_press_hair_down_only_beneath_them():
    figure, _ = dressed(plain())
    flat = hats.pressed(figure, HATS[0])
    template = figure.anatomy.template
    assert flat[np.argmax(template[:, 1])] == 1
    assert flat[np.argmin(np.linalg.norm(template - (0.0, 0.26, -0.03), axis=1))] == 0
    assert (hats.pressed(figure, None) == 0).all()


def test_hats_and_glasses_follow_the_head_stiffly():
    _, worn = dressed(plain(hat=HATS[1], glasses=GLASSES))
    which = np.concatenate([vertices_of(worn, "hat"), vertices_of(worn, "frame")])
    turned = still(betas_of(0), {"neck": (0, 12, 4), "head": (10, 15, 0)})
    motions = (still(betas_of(0)), turned)
    before, after = (outfit.pose(model(), worn, motion).vertices[0, which] for motion in motions)
    head = names.JOINTS.index("head")
    posed = smplx.pose(model(), turned)
    joint = smplx.pose(model(), motions[0]).joints[0, head]
    expected = (before - joint) @ posed.joint_rotation[0, head].T + posed.joints[0, head]
    np.testing.assert_allclose(after, expected, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_glasses_frame_the_eyes_and_touch_nothing(seed):
    figure, worn = dressed(plain(glasses=GLASSES), seed)
    frame = worn.free_position[vertices_of(worn, "frame") - len(model().v_template) - outfit.SHELL]
    for side in ("left", "right"):
        eye = figure.joint(f"{side}_eye")
        rim = frame[(np.sign(frame[:, 0]) == np.sign(eye[0])) & (frame[:, 2] > eye[2])]
        angle = np.arctan2(rim[:, 1] - eye[1], rim[:, 0] - eye[0])
        assert np.diff(np.sort(angle)).max() < 0.6, "a rim goes all the way round the eye"
    lids = figure.rest[figure.anatomy.vertices_of("eyelids")]
    near = frame[(np.abs(np.abs(frame[:, 0]) - np.abs(lids[:, 0]).mean()) < 0.01) & (frame[:, 2] > lids[:, 2].mean())]
    assert near[:, 2].min() > lids[:, 2].max() + 0.002
    assert frame[:, 2].min() < figure.rest[figure.anatomy.vertices_of("ears")][:, 2].mean()


def test_earrings_hang_from_the_lobes():
    figure, worn = dressed(plain(earrings=styles.Earrings(ring=0.0, ball=0.004, drop=0.02)))
    jewel = worn.free_position[vertices_of(worn, "jewel") - len(model().v_template) - outfit.SHELL]
    ears = figure.rest[figure.anatomy.vertices_of("ears")]
    for side in (1, -1):
        lobe = ears[side * ears[:, 0] > 0]
        lobe = lobe[np.argmin(lobe[:, 1])]
        mine = jewel[side * jewel[:, 0] > 0]
        assert np.abs(mine[:, [0, 2]] - lobe[[0, 2]]).max() < 0.018
        assert 0.015 < lobe[1] - mine[:, 1].min() < 0.035


@pytest.mark.parametrize("hand", ["left", "right"])
@pytest.mark.parametrize(
    "thing",
    [{"box": (0.037, 0.075, 0.0045)}, {"profile": ((0.0, 0.05), (0.033, 0.05), (0.033, -0.05), (0.0, -0.05))}],
    ids=["phone", "cup"],
)
def test_what_is_held_stays_at_the_palm(hand, thing):
    wear = plain(held=styles.Held(hand=hand, **thing))
    assert wear.held_hand == hand
    _, worn = dressed(wear)
    mine = vertices_of(worn, "held")
    for seed in range(3):
        motion, _ = talking(seed, betas_of(0), frames=2)
        posed = outfit.pose(model(), worn, motion)
        joints = smplx.pose(model(), motion).joints
        knuckle = joints[:, names.JOINTS.index(f"{hand}_middle1")]
        wrist = joints[:, names.JOINTS.index(f"{hand}_wrist")]
        middle = posed.vertices[:, mine].mean(axis=1)
        assert np.linalg.norm(middle - knuckle, axis=-1).max() < 0.07
        along = (knuckle - wrist) / np.linalg.norm(knuckle - wrist, axis=-1, keepdims=True)
        assert np.abs(((middle - knuckle) * along).sum(axis=-1)).max() < 0.04


def test_things_lie_on_the_palms_side():
    for hand in ("left", "right"):
        figure, worn = dressed(plain(held=styles.Held(hand=hand, box=(0.03, 0.06, 0.005))))
        held = worn.free_position[vertices_of(worn, "held") - len(model().v_template) - outfit.SHELL]
        assert held[:, 1].max() < figure.joint(f"{hand}_middle1")[1] + 0.002, "palms look down in the rest pose"


def test_nobody_holds_anything_without_a_thing():
    assert plain().held_hand is None


def test_a_collar_stands_around_the_neck_and_a_tie_hangs_in_front():
    shirt = styles.ShirtCollar(stand=0.02, fall=0.035, spread=0.5)
    figure, worn = dressed(plain(collars=(shirt, styles.Tie(width=0.07, bottom=-0.2))))
    first = len(model().v_template) + outfit.SHELL
    around = worn.free_position[vertices_of(worn, "collar") - first]
    neck = figure.joint("neck")
    assert (around[:, 2] < neck[2] - 0.02).any()
    assert (around[:, 2] > neck[2] + 0.03).any()
    assert np.abs(around[:, 0]).max() < 0.12
    tie = worn.free_position[vertices_of(worn, "scarf") - first]
    assert np.abs(tie[:, 0]).max() < 0.045
    assert tie[:, 1].min() == pytest.approx(-0.235, abs=0.01)
    chest = figure.rest[figure.anatomy.vertices_of("torso")]
    near = chest[(np.abs(chest[:, 0]) < 0.02) & (np.abs(chest[:, 1] - 0.0) < 0.02) & (chest[:, 2] > 0)]
    assert tie[np.abs(tie[:, 1]) < 0.02, 2].min() > near[:, 2].min()


def test_outside_follows_a_cylinder_exactly():
    figure, _ = dressed(plain())
    around = outside.of(figure, np.zeros(len(figure.rest)))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    height = 0.3 + 0.02 * np.cos(7 * angle)
    points = np.stack([around.axis[0] + 0.06 * np.sin(angle), height, around.axis[1] + 0.06 * np.cos(angle)], axis=1)
    tube = dataclasses.replace(around, points=points)
    found = tube.around(np.linspace(0, 6, 50), np.full(50, 0.3), 0.01)
    np.testing.assert_allclose(np.hypot(found[:, 0] - around.axis[0], found[:, 2] - around.axis[1]), 0.07, atol=1e-9)


def test_what_is_raised_counts_for_what_lies_over_it():
    figure, _ = dressed(plain())
    nothing = np.zeros(len(figure.rest))
    around = outside.of(figure, nothing)
    hood = collar.hood(around, styles.Hood(size=0.035, depth=0.02))
    raised = collar.raised(around, [hood], nothing)
    assert raised.max() > 0.03
    template = figure.anatomy.template
    assert raised[template[:, 1] < -0.1].max() == 0
    assert (collar.raised(around, [], nothing) == 0).all()


def test_lashes_close_with_the_lids():
    _, worn = dressed(plain())
    lashes = vertices_of(worn, "lash")
    open_, shut = still(betas_of(0)), still(betas_of(0))
    for side in ("Left", "Right"):
        shut.expression[:, model().expression_names.index(f"eyeBlink{side}")] = 1
    heights = [outfit.pose(model(), worn, motion).vertices[0, lashes, 1].mean() for motion in (open_, shut)]
    assert heights[0] - heights[1] > 0.003
    closed = outfit.pose(model(), worn, shut).vertices[0]
    lids = closed[np.unique(np.asarray(model().faces)[np.asarray(model().labels) == names.LABELS.index("eyelids")])]
    assert cKDTree(lids).query(closed[lashes])[0].max() < 0.008
