import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from data_pipelines.avatars import style
from data_pipelines.avatars.acting import arm_poses, arms, clearance, gestures, head, rhythm, torso
from data_pipelines.default_body.shading import vertex_normals
from tests.avatars.acted import babble, betas, said
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.fit import priors

FPS = 24.0
TIMES = np.arange(240) / FPS


@pytest.fixture(scope="module")
def model():
    return model_file.default()


def manner(seed, **changes):
    return dataclasses.replace(style.sample(np.random.default_rng(seed)).arms, **changes)


def gesturing(model, seed, phonemes=None, **changes):
    """The pose of all joints over a clip, and the rhythm it follows."""
    rng = np.random.default_rng(seed)
    prosody = rhythm.of(babble(seed) if phonemes is None else phonemes, rng)
    body = torso.pose(model, head.posture(style.sample(rng).head, prosody, rng, TIMES, FPS))
    return arms.gesture(model, betas(seed), manner(seed, **changes), prosody, rng, TIMES, FPS, body), prosody


def motion_of(model, seed, pose):
    motion = smplx.rest_motion(model, len(pose))
    pose = pose.astype(np.float32)
    return dataclasses.replace(
        motion,
        betas=betas(seed),
        global_orient=pose[:, 0],
        body_pose=pose[:, 1:22],
        left_hand_pose=pose[:, 25:40],
        right_hand_pose=pose[:, 40:55],
    )


def test_every_pose_and_hand_is_within_limits(model):
    limits = priors.joint_limits().astype(float)
    parts = ("collar", "shoulder", "elbow", "wrist")
    joints = {side: [names.JOINTS.index(f"{side}_{part}") for part in parts] for side in gestures.SIDES}
    for pose in arm_poses._ARMS:
        for hand in arm_poses.HANDS:
            full = np.zeros((1, 55, 3))
            for side in gestures.SIDES:
                arm_poses.put(full, side, arm_poses.arm(pose, hand)[None])
            for side in gestures.SIDES:
                low, high = np.moveaxis(limits[joints[side]], -1, 0)
                assert (full[0, joints[side]] >= low - 1e-6).all() and (full[0, joints[side]] <= high + 1e-6).all(), (
                    pose
                )
            mirrored = full[0, joints["right"]] * [1, -1, -1]
            np.testing.assert_allclose(mirrored, full[0, joints["left"]])


def test_poses_are_what_their_names_say(model):
    """Where the left wrist is from the shoulder, metres, and which way palm and fingers face."""

    def of(pose, hand="flat"):
        full = torso.pose(model, head.Posture(*(np.zeros((1, 3)) for _ in range(3)), np.zeros(1)))
        for side in gestures.SIDES:
            arm_poses.put(full, side, arm_poses.arm(pose, hand)[None])
        posed = smplx.pose(model, dataclasses.replace(motion_of(model, 0, full), betas=np.zeros(57, np.float32)))
        turn = posed.joint_rotation[0, names.JOINTS.index("left_wrist")]
        shoulder, wrist = (posed.joints[0, names.JOINTS.index(f"left_{name}")] for name in ("shoulder", "wrist"))
        return wrist - shoulder, -turn[:, 1], turn[:, 0]  # at rest palms face down and fingers aside

    assert of("hanging")[0][1] < -0.4
    for name in ("ready", "palm up", "palm down", "chop", "point up", "chest", "front", "high", "far", "folded"):
        wrist = of(name)[0]
        assert wrist[1] > -0.25 and wrist[2] > 0.15, name
    assert of("palm up")[1][1] > 0.8 and of("palm down")[1][1] < -0.8
    assert of("chop")[1][0] < -0.8 and of("front")[1][2] > 0.8 and of("chest")[1][2] < -0.8
    assert of("point up")[2][1] > 0.8 and of("wide")[0][0] > 0.12


def test_a_fist_closes_and_a_pointing_finger_does_not(model):
    tips = [55 + names.VERTEX_PICKS.index(f"left_{finger}") for finger in ("index", "middle", "pinky")]
    wrist = names.JOINTS.index("left_wrist")

    def reach(hand):
        full = torso.pose(model, head.Posture(*(np.zeros((1, 3)) for _ in range(3)), np.zeros(1)))
        arm_poses.put(full, "left", arm_poses.arm("hanging", hand)[None])
        joints = smplx.pose(model, motion_of(model, 0, arms.within_limits(model, full))).joints[0]
        return np.linalg.norm(joints[tips] - joints[wrist], axis=-1)

    flat, fist, pointing = (reach(hand) for hand in ("flat", "fist", "pointing"))
    assert (fist < 0.75 * flat).all()
    assert pointing[0] > 0.95 * flat[0] and (pointing[1:] < 0.75 * flat[1:]).all()


@pytest.mark.parametrize("rest", style.REST_POSES)
def test_clips_stay_within_limits_and_clear_of_the_body(model, rest):
    limits = priors.joint_limits().astype(float)
    for seed in range(3):
        pose, _ = gesturing(model, seed, rest=rest, rate=0.9, size=1.4)
        assert (pose[:, :22] >= limits[:22, :, 0] - 1e-9).all() and (pose[:, :22] <= limits[:22, :, 1] + 1e-9).all()
        shape = clearance.measure(model, betas(seed))
        points = clearance.arm_points(shape, np.zeros((240, 2, arm_poses.SIZE)), pose)
        assert (clearance.depth(shape, points, pose) + clearance.ROOM).max() < 0.004


def test_what_is_clear_is_clear_on_the_mesh(model):
    """Against the surface itself: no vertex of a hand is under the skin of torso or head."""
    labels, faces, weights = (np.asarray(x) for x in (model.labels, model.faces, model.lbs_weights))

    def of(*wanted):
        return np.unique(faces[np.isin(labels, [names.LABELS.index(name) for name in wanted])])

    body = of("torso", "lower body", "neck", "face skin", "scalp")
    spine = [names.JOINTS.index(name) for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
    body = body[weights[body][:, spine].sum(axis=1) > 0.7]
    hands = of("left hand", "right hand")

    def deepest(pose, seed):
        depth = []
        for vertices in smplx.pose(model, motion_of(model, seed, pose)).vertices:
            normals = vertex_normals(vertices, faces)[body]
            distance, nearest = cKDTree(vertices[body]).query(vertices[hands])
            outside = ((vertices[hands] - vertices[body][nearest]) * normals[nearest]).sum(axis=1)
            depth.append(np.where(distance < 0.06, -outside, -1.0).max())
        return max(depth)

    for seed, rest in enumerate(("folded high", "clasped", "hanging")):
        assert deepest(gesturing(model, seed, rest=rest, rate=0.9, size=1.4)[0][5::40], seed) < 0.002
    through = torso.pose(model, head.Posture(*(np.zeros((1, 3)) for _ in range(3)), np.zeros(1)))
    bent = arm_poses.arm("chest")
    bent[3] += 20.0
    bent[7] -= 20.0
    for kept, limit in ((False, 0.005), (True, 0.002)):
        both = np.stack([bent, bent])[None]
        both = clearance.keep(model, betas(1), both, through) if kept else both
        found = deepest(arms.put(through, both), 1)
        assert (found < limit) == kept, found


def test_arms_that_are_clear_are_left_alone(model):
    body = torso.pose(model, head.Posture(*(np.zeros((1, 3)) for _ in range(3)), np.zeros(1)))
    both = np.stack([arm_poses.arm("wide"), arm_poses.arm("wide")])[None]
    np.testing.assert_array_equal(clearance.keep(model, np.zeros(57), both, body), both)


def test_hands_do_not_run_through_each_other(model):
    body = torso.pose(model, head.Posture(*(np.zeros((1, 3)) for _ in range(3)), np.zeros(1)))
    both = np.stack([arm_poses.arm("folded"), arm_poses.arm("folded")])[None]
    shape = clearance.measure(model, np.zeros(57))
    kept = clearance.keep(model, np.zeros(57), both, body)
    before, after = (clearance.between_hands(clearance.arm_points(shape, a, body))[0] for a in (both, kept))
    assert before < clearance.HANDS_APART <= after


def test_strokes_land_on_stress(model):
    """The hand is lowest in its beat at the stress: lower than just before and after, seen from the chest."""
    phonemes = said(("", 1.0), *[x for _ in range(6) for x in (("t", 0.3), ("a", 0.2, 2), ("t", 0.5))], ("", 3.0))
    drops = []
    for seed in range(6):
        pose, prosody = gesturing(model, seed, phonemes, rest="raised", rate=5.0, size=1.3, both=1.0)
        shape = clearance.measure(model, betas(seed))
        height = clearance.arm_points(shape, np.zeros((240, 2, arm_poses.SIZE)), pose)[:, :, 5, 1].mean(axis=1)
        at = [np.interp(prosody.stressed + lag, TIMES, height) for lag in (-0.2, 0.0)]
        drops.append(at[0] - at[1])
    assert np.mean(drops) > 0.015 and np.mean(np.array(drops) > 0) > 0.75


def test_lowered_hands_come_up_to_speak_and_go_down_after(model):
    phonemes = said(("", 1.5), *[x for _ in range(8) for x in (("t", 0.2), ("a", 0.2, 2), ("t", 0.1))], ("", 4.5))
    up = []
    for seed in range(10):
        pose, _ = gesturing(model, seed, phonemes, rest="hanging", rate=0.9, both=1.0)
        shape = clearance.measure(model, betas(seed))
        height = clearance.arm_points(shape, np.zeros((240, 2, arm_poses.SIZE)), pose)[:, :, 3, 1].max(axis=1)
        assert height[20] < -0.2 and height[-1] < -0.2
        up.append(height[40:120].max() > -0.15)
    assert 0.4 < np.mean(up) < 1.0


def test_a_hand_that_holds_something_stays_calm(model):
    for seed in range(5):
        pose, _ = gesturing(model, seed, rest="raised", rate=0.9, size=1.4, held="left", left=0.5)
        shape = clearance.measure(model, betas(seed))
        wrists = clearance.arm_points(shape, np.zeros((240, 2, arm_poses.SIZE)), pose)[:, :, 3]
        left, right = np.ptp(wrists, axis=0).max(axis=-1)
        assert left < 0.07 and left < 0.6 * right


def test_arms_move_as_fast_as_arms_do(model):
    """Hardly anything above 6 Hz, no faster than 4 m/s at the wrist."""
    for seed in range(6):
        pose, _ = gesturing(model, seed, rate=0.9, size=1.5)
        shape = clearance.measure(model, betas(seed))
        wrists = clearance.arm_points(shape, np.zeros((240, 2, arm_poses.SIZE)), pose)[:, :, 3].reshape(240, -1)
        spectrum = np.abs(np.fft.rfft((wrists - wrists.mean(axis=0)) * np.hanning(240)[:, None], axis=0)) ** 2
        assert spectrum[np.fft.rfftfreq(240, 1 / FPS) > 6.0].sum() < 0.01 * spectrum.sum()
        assert np.linalg.norm(np.diff(wrists.reshape(240, 2, 3), axis=0), axis=-1).max() * FPS < 4.0


def test_everybody_rests_in_their_own_way():
    homes = [gestures.home(manner(seed, rest="raised", held=""))["left"] for seed in range(5)]
    again = gestures.home(manner(0, rest="raised", held=""))["left"]
    np.testing.assert_array_equal(homes[0], again)
    assert np.std(homes, axis=0)[3:12].min() > 0.5
