"""The packaged body: its layout, its anatomy, and that it bends without breaking."""

import dataclasses
import json
import platform
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from docs.figures import poses
from tests.body import random_motion
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, smplx
from vlogger_jax.core.records import Camera
from vlogger_jax.fit import priors

LABEL = {name: index for index, name in enumerate(names.LABELS)}
INNER = tuple(LABEL[name] for name in ("upper teeth", "lower teeth", "tongue", "mouth cavity"))
STRETCH = 5.0
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "body_poses.json"
EYEBALL = (LABEL["sclera"], LABEL["iris"])


@pytest.fixture(scope="module")
def model() -> smplx.BodyModel:
    return model_file.default()


@pytest.fixture(scope="module")
def rest(model) -> smplx.Posed:
    return smplx.pose(model, smplx.rest_motion(model))


def joint(posed: smplx.Posed, name: str) -> np.ndarray:
    return posed.joints[0, names.JOINTS.index(name)]


def labels_seen(model, expression, pitch=0.0, yaw=0.0, size=192) -> np.ndarray:
    """How many pixels of each label a portrait of the face shows."""
    posed = smplx.pose(model, poses.make(model, expression=expression))
    cos, sin = np.cos(np.deg2rad(pitch)), np.sin(np.deg2rad(pitch))
    tilt = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    cos, sin = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    camera = cameras.from_focal(size * 1.5 / 0.22, (size, size))
    rotation = (np.asarray(camera.rotation) @ tilt @ turn).astype(np.float32)
    target = joint(posed, "head") + np.array([0.0, 0.0, 0.08])
    view = Camera(
        focal=camera.focal,
        principal=camera.principal,
        rotation=rotation,
        translation=(np.array([0, 0, 1.5]) - rotation @ target).astype(np.float32),
        size=camera.size,
    )
    pixels, depth = cameras.project(view, posed.vertices)
    index = np.asarray(raster.rasterize(pixels, depth, model.faces, size=view.size).face_index[0])
    return np.bincount(np.where(index >= 0, model.labels[index], 0).ravel(), minlength=len(names.LABELS))


def test_it_is_in_the_layout_of_smplx_with_52_arkit_expressions(model):
    assert model.name == model_file.DEFAULT_BODY
    assert model.expression_names == names.EXPRESSIONS
    assert len(model.shape_names) == model.num_betas >= 40
    assert model.mediapipe_faces is not None and model.contour_faces is not None and model.uv is not None
    assert set(np.unique(model.labels)) == set(range(1, len(names.LABELS)))


def test_the_asset_stays_small():
    path = model_file.resources.files("vlogger_jax.body") / "assets" / f"{model_file.DEFAULT_BODY}.npz"
    assert len(path.read_bytes()) < 8e6


def test_the_rest_pose_is_smplx_t_pose(rest):
    """Arms along x with the palms down, legs down, face forward, pelvis near SMPL-X's."""
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for start, end in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "middle1")):
            bone = joint(rest, f"{side}_{end}") - joint(rest, f"{side}_{start}")
            assert sign * bone[0] / np.linalg.norm(bone) > 0.999
        thumb, wrist = joint(rest, f"{side}_thumb3"), joint(rest, f"{side}_wrist")
        assert thumb[2] > wrist[2] + 0.04
        shin = joint(rest, f"{side}_ankle") - joint(rest, f"{side}_knee")
        assert shin[1] / np.linalg.norm(shin) < -0.99
    np.testing.assert_allclose(joint(rest, "pelvis"), [0, -0.35, 0.01], atol=1e-4)
    nose = rest.joints[0, 55]
    assert nose[2] > joint(rest, "head")[2] + 0.08


def test_the_body_is_symmetric(rest):
    for index, name in enumerate(names.JOINTS):
        if name.startswith("left_"):
            other = rest.joints[0, names.JOINTS.index(name.replace("left", "right"))]
            np.testing.assert_allclose(rest.joints[0, index] * [-1, 1, 1], other, atol=2e-5)


def test_the_joint_regressor_is_exact_for_betas_and_blind_to_expressions(model):
    """The eyes turn about the middle of their eyeballs, whatever the face; no expression moves a joint."""
    rng = np.random.default_rng(0)
    for side in ("left", "right"):
        ball = np.flatnonzero(model.lbs_weights[:, names.JOINTS.index(f"{side}_eye")] > 0.99)
        for _ in range(5):
            betas = rng.standard_normal(model.num_betas).astype(np.float32)
            posed = smplx.pose(model, dataclasses.replace(smplx.rest_motion(model), betas=betas))
            eye = posed.vertices[0, ball] - joint(posed, f"{side}_eye")
            radius = np.linalg.norm(eye, axis=1)
            assert np.ptp(radius) < 0.12 * radius.mean()
    assert np.abs(model.joint_expression_dirs).max() < 1e-4
    assert np.abs(model.joint_shapedirs[0]).max() < 1e-4, "no beta moves the pelvis"


def test_a_joint_turns_its_limb_and_only_that(model, rest):
    """Smplx's signs: -z lowers the left arm, -y bends the left elbow forward, -z curls the left fingers down."""
    lowered = smplx.pose(model, poses.make(model, {"left_shoulder": (0, 0, -70)}))
    assert joint(lowered, "left_wrist")[1] < joint(rest, "left_wrist")[1] - 0.3
    np.testing.assert_allclose(joint(lowered, "right_wrist"), joint(rest, "right_wrist"), atol=1e-6)
    bent = smplx.pose(model, poses.make(model, {"left_elbow": (0, -90, 0)}))
    assert joint(bent, "left_wrist")[2] > joint(rest, "left_wrist")[2] + 0.2
    curled = smplx.pose(model, poses.make(model, {"left_index1": (0, 0, -60)}))
    assert joint(curled, "left_index3")[1] < joint(rest, "left_index3")[1] - 0.02


def test_landmarks_lie_where_they_should(model, rest):
    ibug = rest.joints[0, 76:127]
    right_eye, left_eye = ibug[19:25].mean(axis=0), ibug[25:31].mean(axis=0)
    np.testing.assert_allclose(right_eye * [-1, 1, 1], left_eye, atol=2e-3)
    np.testing.assert_allclose(left_eye[:2], joint(rest, "left_eye")[:2], atol=4e-3)
    mouth = ibug[31:51]
    assert mouth[:12, 0].min() == pytest.approx(-mouth[:12, 0].max(), abs=1e-3)
    upper, lower = ibug[31 + 13 : 31 + 16], ibug[31 + 17 : 31 + 20][::-1]
    assert (upper[:, 1] > lower[:, 1]).all()
    opened = smplx.pose(model, poses.make(model, expression={"jawOpen": 0.8})).joints[0, 76:127]
    assert (opened[44:47, 1] - opened[48:51, 1][::-1]).min() > 0.015, "inner lips part"
    contour = rest.joints[0, 127:144]
    assert contour[8, 1] == contour[:, 1].min() and abs(contour[8, 0]) < 2e-3
    assert (np.diff(contour[:, 0]) > -1e-3).all()


def test_the_contour_follows_the_outline_of_a_turned_head(model):
    """On the side turned away the contour lies on the silhouette: nothing of the face is farther out at its height."""
    turned = poses.make(model)
    turned = dataclasses.replace(turned, global_orient=np.array([[0, np.deg2rad(35), 0]], np.float32))
    posed = smplx.pose(model, turned)
    face = posed.vertices[0, np.unique(model.faces[model.labels == LABEL["face skin"]])]
    for point in posed.joints[0, 127 + 11 : 127 + 16]:
        level = face[np.abs(face[:, 1] - point[1]) < 0.006]
        assert point[0] > level[:, 0].max() - 0.008


@pytest.mark.parametrize("pitch", [-15, 0, 15])
def test_eyelids_shut_on_blink_and_eyes_show_otherwise(model, pitch):
    blink = labels_seen(model, poses.EXPRESSIONS["eyeBlink"], pitch)
    assert blink[list(EYEBALL)].sum() == 0
    assert labels_seen(model, {}, pitch)[list(EYEBALL)].sum() > 100


@pytest.mark.parametrize("name", ["neutral", "p, b, m", "jawOpen + mouthClose", "mouthSmile"])
def test_lips_are_closed_where_they_should_be(model, name):
    """Next to nothing of the inside of the mouth shows; the open jaw shows that the count can tell."""
    seen = labels_seen(model, poses.EXPRESSIONS[name])
    assert seen[list(INNER)].sum() <= 0.02 * seen[LABEL["lips"]]
    assert labels_seen(model, poses.EXPRESSIONS["jawOpen"])[list(INNER)].sum() > 100


@pytest.mark.parametrize("opening", [0.2, 0.5, 0.8, 1.0])
def test_mouth_close_follows_any_jaw_opening(model, opening):
    seen = labels_seen(model, {"jawOpen": opening, "mouthClose": opening})
    assert seen[list(INNER)].sum() <= 0.03 * seen[LABEL["lips"]]


@pytest.mark.parametrize("yaw", [-80, -45, 0, 45, 80, 180])
def test_teeth_and_tongue_stay_inside_the_closed_mouth(model, yaw):
    assert labels_seen(model, {}, yaw=yaw)[list(INNER[:3])].sum() <= 3


def test_teeth_stay_inside_for_other_people(model):
    rng = np.random.default_rng(1)
    for _ in range(6):
        betas = np.clip(rng.standard_normal(model.num_betas), -2, 2).astype(np.float32)
        shaped = dataclasses.replace(model, v_template=model.v_template + (model.shapedirs @ betas))
        seen = labels_seen(shaped, {}, yaw=30)
        assert seen[list(INNER[:3])].sum() <= 0.05 * seen[LABEL["lips"]]


def test_jaw_open_is_arkits_full_opening_split_in_two(model):
    """The lower teeth turn rigidly with jaw_pose and hardly need the residual."""
    teeth = np.unique(model.faces[model.labels == LABEL["lower teeth"]])
    residual = np.linalg.norm(model.expression_dirs[teeth, :, names.EXPRESSIONS.index("jawOpen")], axis=1)
    turned = smplx.pose(model, poses.make(model, {"jaw": (np.rad2deg(model.jaw_open_angle), 0, 0)}))
    still = smplx.pose(model, smplx.rest_motion(model))
    moved = np.linalg.norm(turned.vertices[0, teeth] - still.vertices[0, teeth], axis=1)
    assert 0.25 < model.jaw_open_angle < 0.5
    assert residual.max() < 0.4 * moved.mean()


def test_eyes_are_round_and_look_straight_ahead_at_rest(model, rest):
    for side in ("left", "right"):
        ball = np.flatnonzero(model.lbs_weights[:, names.JOINTS.index(f"{side}_eye")] > 0.99)
        from_centre = rest.vertices[0, ball] - joint(rest, f"{side}_eye")
        radius = np.linalg.norm(from_centre, axis=1)
        assert np.ptp(radius) < 1e-4 * radius.mean() + 2e-6
        iris = model.faces[(model.labels == LABEL["iris"]) & np.isin(model.faces, ball).all(axis=1)]
        assert len(iris) == 100
        gaze = (rest.vertices[0, np.unique(iris)] - joint(rest, f"{side}_eye")).mean(axis=0)
        assert gaze[2] / np.linalg.norm(gaze) > np.cos(np.deg2rad(0.2))


def test_gaze_is_the_eyes_pose_not_an_expression(model):
    ball = np.flatnonzero(model.lbs_weights[:, 23] + model.lbs_weights[:, 24] > 0.99)
    assert np.abs(model.expression_dirs[ball]).max() == 0


def test_fingers_are_apart_at_rest(model, rest):
    for side in ("left", "right"):
        owner = model.lbs_weights.argmax(axis=1)
        ends = [
            rest.vertices[0, np.isin(owner, [names.JOINTS.index(f"{side}_{finger}{i}") for i in (2, 3)])]
            for finger in ("index", "middle", "ring", "pinky")
        ]
        for one, other in pairwise(ends):
            assert np.linalg.norm(one[:, None] - other[None], axis=-1).min() > 0.002


def test_faces_differ_part_by_part(model, rest):
    """Every named part of the face has directions that move it by half a millimetre at one standard deviation."""
    for part in ("nose", "chin", "eyes", "cheeks", "mouth", "head", "brows", "ears"):
        columns = [i for i, name in enumerate(model.shape_names) if name.rstrip("0123456789") == part]
        assert len(columns) >= 3
        assert np.linalg.norm(model.shapedirs[..., columns[0]], axis=1).max() > 5e-4
    assert {"male", "age", "weight", "african", "asian", "caucasian"} <= set(model.shape_names)


def test_it_bends_without_breaking(model):
    worst = random_motion.worst_stretch(model, count=300, seed=0)
    assert np.isfinite(worst).all()
    assert worst.max() < STRETCH


@pytest.mark.slow
def test_ten_thousand_random_poses_bend_without_breaking(model):
    """Within `priors.LIMITS`, no NaN and no edge beyond 5 times its rest length; written to `RESULTS`."""
    start, count = 1, 10_000
    worst = random_motion.worst_stretch(model, count, seed=start)
    unfloored = random_motion.worst_stretch(model, count, seed=start, shortest=1e-6)
    faces = random_motion.worst_stretch(model, count, seed=start, faces=True)
    people = random_motion.worst_stretch(model, count, seed=start + 1, betas=1.0)
    result = {
        "command": 'make test-slow ARGS="-k ten_thousand"',
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
        | {"python": platform.python_version()},
        "poses": count,
        "limits_degrees": priors.LIMITS,
        "longest_edge_over_its_length_at_rest": {
            "mean person, edges under 1 mm counted as 1 mm": summary(worst),
            "mean person, all edges as they are": summary(unfloored),
            "mean person with random expressions, edges under 1 mm counted as 1 mm": summary(faces),
            "people with betas from N(0, 1), edges under 1 mm counted as 1 mm": summary(people),
        },
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    assert all(np.isfinite(each).all() for each in (worst, faces, people))
    assert worst.max() < STRETCH
    assert (people > STRETCH).mean() < 0.06


def summary(worst: np.ndarray) -> dict[str, float]:
    """Of the longest edge of each pose, in lengths at rest."""
    return {
        "median": round(float(np.median(worst)), 2),
        "99 %": round(float(np.quantile(worst, 0.99)), 2),
        "max": round(float(worst.max()), 2),
        "share_above_5": round(float((worst > STRETCH).mean()), 4),
    }
