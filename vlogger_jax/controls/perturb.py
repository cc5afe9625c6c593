"""Controls as they will be met: fits are never exact, so training must not learn to trust them as if they were.

A clip's motion, camera and matte are disturbed by the size of real fitting error: an offset for the whole clip, plus an
error that drifts from frame to frame (AR(1)). Some clips stay exact. Everything is a pure function of the generator.
Runs on numpy only, in loaders.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from vlogger_jax.body import names, rotation, smplx
from vlogger_jax.body.camera import FACING
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Int, UInt8

_NECK, _HEAD = (names.JOINTS.index(name) for name in ("neck", "head"))
_GRID = 16
"""Errors of a matte's edge along each side, interpolated between."""
_SPINE = np.isin(names.JOINTS[1:22], ("spine1", "spine2", "spine3", "neck"))[:, None]
_EYES = [names.JOINTS.index(f"{side}_eye") for side in ("left", "right")]


@dataclass(frozen=True)
class Perturbation:
    """Standard deviations of a clip's offset; drift has `drift` times as much.

    Attributes:
        exact: share of clips that are left alone.
        drift: standard deviation of the drifting error, relative to the offset's.
        memory: correlation of the drift from one frame to the next.
        betas, expression: of the coefficients.
        root, spine, body, hands, jaw, eyes: degrees about each axis, against the parent; the neck is of the spine.
        head: degrees about each axis, in the world.
        across, along: metres at right angles to the line of sight (world x and y) and along it (z), of the face.
        focal: relative error of the focal length; the person is moved so as to stay the same size.
        matte: pixels, of a 256-pixel image, by which the matte is eroded or dilated.
        ragged: of the matte's edge, in the same pixels.
    """

    exact: float = 0.2
    drift: float = 0.5
    memory: float = 0.8
    betas: float = 0.3
    expression: float = 0.04
    root: float = 1.5
    spine: float = 1.0
    body: float = 2.0
    head: float = 1.0
    hands: float = 4.0
    jaw: float = 1.0
    eyes: float = 2.0
    across: float = 0.003
    along: float = 0.015
    focal: float = 0.05
    matte: float = 1.2
    ragged: float = 0.8


def perturb(
    model: BodyModel, motion: Motion, camera: Camera, amount: Perturbation, rng: np.random.Generator
) -> tuple[Motion, Camera, bool]:
    """One clip as a fit would have it, and whether it is exact: a share of `amount.exact` comes back as it is.

    Args:
        model: of the motion; fewer vertices do, since only joints are looked at.
    """
    if rng.uniform() < amount.exact:
        return motion, camera, True
    seen, moved = perturb_camera(camera, amount, rng), perturb_motion(motion, amount, rng)
    return hold_face(model, motion, moved, float(seen.focal / camera.focal), amount, rng), seen, False


def hold_face(
    model: BodyModel, motion: Motion, moved: Motion, farther: float, amount: Perturbation, rng: np.random.Generator
) -> Motion:
    """`moved` with its face where fits have it: the face is what they see best, and the body hangs from it.

    Errors of the spine would add up to six degrees and to centimetres at the head, where fits err by a degree and by
    millimetres. So the head is turned as it was but for `amount.head`, and the person moved so that the middle between
    the eyes is off by nothing but the error of `moved.transl`, and `farther` times as far away as it was.
    """
    error = moved.transl - motion.transl
    turn = np.deg2rad(amount.head) * _error(motion.transl.shape, amount, rng)
    before, after = smplx.pose(model, motion), smplx.pose(model, moved)
    head = rotation.matmul(before.joint_rotation[:, _HEAD], rotation.axis_angle_to_matrix(turn.astype(np.float32)))
    local = rotation.matmul(np.swapaxes(after.joint_rotation[:, _NECK], -1, -2), head)
    body_pose = moved.body_pose.copy()
    body_pose[:, _HEAD - 1] = rotation.matrix_to_axis_angle(local)
    turned = dataclasses.replace(moved, body_pose=body_pose)
    where, there = (posed.joints[:, _EYES].mean(axis=1) for posed in (before, smplx.pose(model, turned)))
    wanted = where * np.array([1.0, 1.0, farther]) + error
    return dataclasses.replace(turned, transl=(turned.transl + wanted - there).astype(np.float32))


def perturb_motion(motion: Motion, amount: Perturbation, rng: np.random.Generator) -> Motion:
    """Disturb one clip: arrays [t, ...] without batch dimensions."""

    def disturbed(values: np.ndarray, sd: float | np.ndarray) -> np.ndarray:
        return (values + sd * _error(values.shape, amount, rng)).astype(np.float32)

    def turned(values: np.ndarray, degrees: float | np.ndarray) -> np.ndarray:
        return disturbed(values, np.deg2rad(degrees))

    return dataclasses.replace(
        motion,
        betas=(motion.betas + amount.betas * rng.standard_normal(motion.betas.shape)).astype(np.float32),
        expression=disturbed(motion.expression, amount.expression),
        global_orient=turned(motion.global_orient, amount.root),
        body_pose=turned(motion.body_pose, np.where(_SPINE, amount.spine, amount.body)),
        jaw_pose=turned(motion.jaw_pose, amount.jaw),
        leye_pose=turned(motion.leye_pose, amount.eyes),
        reye_pose=turned(motion.reye_pose, amount.eyes),
        left_hand_pose=turned(motion.left_hand_pose, amount.hands),
        right_hand_pose=turned(motion.right_hand_pose, amount.hands),
        transl=disturbed(motion.transl, np.array([amount.across, amount.across, amount.along])),
    )


def perturb_camera(camera: Camera, amount: Perturbation, rng: np.random.Generator) -> Camera:
    """A wrong focal length, as fits have.

    Raises:
        UserError: if the camera is turned or moved; those of fits and synthetic clips are not (see `core.records`).
    """
    if not np.array_equal(camera.rotation, np.broadcast_to(FACING, camera.rotation.shape)) or camera.translation.any():
        raise UserError("this camera is turned or moved", "Absorb its motion into global_orient and transl")
    focal = camera.focal * np.exp(amount.focal * rng.standard_normal())
    return dataclasses.replace(camera, focal=np.asarray(focal, np.float32))


def perturb_matte(
    matte: UInt8[np.ndarray, "n h w"],
    amount: Perturbation,
    rng: np.random.Generator,
    rows: Int[np.ndarray, "n"],
    length: int,
) -> UInt8[np.ndarray, "n h w"]:
    """Frames `rows` of a clip of `length`, eroded or dilated alike, with a ragged edge that drifts.

    Every frame comes out as if all had been asked for.
    """
    frames, h, w = matte.shape
    if not frames:
        return matte
    even = amount.matte * rng.standard_normal()
    coarse = _error((length, _GRID, _GRID), amount, rng)[rows]  # the same for pictures of any size
    ragged = ndimage.zoom(coarse, (1, h / _GRID, w / _GRID), order=1)
    shift = w / 256 * (even + amount.ragged * ragged)
    return np.stack([_shifted(*each) for each in zip(matte, shift, strict=True)])


def _shifted(matte: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """One matte with its edge moved outwards by `shift` pixels: read that far inwards, so soft edges stay as soft."""
    inside = matte >= 128
    if inside.all() or not inside.any():  # no edge to move
        return matte
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    inwards = np.stack(np.gradient(ndimage.gaussian_filter(distance, 1.0)))
    inwards /= np.maximum(np.linalg.norm(inwards, axis=0), 0.1)
    where = np.mgrid[: matte.shape[0], : matte.shape[1]] + shift * inwards
    moved = ndimage.map_coordinates(matte.astype(np.float32), where, order=1, mode="nearest")
    return np.round(moved).astype(np.uint8)


def _error(shape: tuple[int, ...], amount: Perturbation, rng: np.random.Generator) -> np.ndarray:
    """Unit offset for the clip plus AR(1) drift along the first axis."""
    fresh = rng.standard_normal(shape)
    fresh[1:] *= np.sqrt(1 - amount.memory**2)  # so that every frame's drift has the same spread
    drift = signal.lfilter([1.0], [1.0, -amount.memory], fresh, axis=0)
    return rng.standard_normal((1, *shape[1:])) + amount.drift * drift
