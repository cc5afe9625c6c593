"""The first row of the paper's Table 3: 2D keypoints instead of a dense body.

Joints, fingers and points of the face as discs at their places in the picture, each coloured by where it is on the body
as such, so that points are told apart as they are in the dense body. Which of them others hide is not told: detectors
of keypoints guess those, too.
"""

import copy
import dataclasses

import jax.numpy as jnp
import numpy as np

from benchmarks.video_rendered import drawn
from data_pipelines.loaders import stored
from data_pipelines.loaders.frames import FrameWindows
from data_pipelines.loaders.samples import Sample, Spec, shaped
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import gbuffer
from vlogger_jax.core.records import Camera, Controls, Motion
from vlogger_jax.core.stage import Batch
from vlogger_jax.core.typing import Array, Float, Int, UInt8, UInt16
from vlogger_jax.fit import points
from vlogger_jax.video.conditions import Scene, SceneOf

RADIUS = 1 / 48
"""Of discs, as a share of the picture's side."""

_BODY = {
    "neck": "neck",
    **{f"{side}_{joint}": "torso" for side in ("left", "right") for joint in ("shoulder", "hip")},
    **{f"{side}_elbow": "arms" for side in ("left", "right")},
}
_EARS = ("left_ear", "right_ear")
_IBUG = len(names.JOINTS) + len(names.VERTEX_PICKS)
"""iBUG point 17 among the joints that `smplx.pose` reports; the rest of the 51 follow."""
_FACE = [*["face skin"] * 19, *["eyelids"] * 12, *["lips"] * 20]


@dataclasses.dataclass(frozen=True)
class Keypoints:
    """Which points of a body are shown, k of them.

    Attributes:
        body: the body reduced to them.
        joints: their numbers among the joints that `smplx.pose` reports.
        dense: where each is on the body as such, as `Controls.dense`.
        label: of each.
    """

    body: BodyModel
    joints: Int[np.ndarray, "k"]
    dense: UInt16[np.ndarray, "k 3"]
    label: UInt8[np.ndarray, "k"]

    @classmethod
    def of(cls, model: BodyModel) -> "Keypoints":
        """Those of shoulders, elbows, hips and neck, 21 of each hand, the ears, and iBUG's of brows to lips."""
        of_joint = {names.JOINTS.index(joint): label for joint, label in _BODY.items()}
        for side in ("left", "right"):
            of_joint |= dict.fromkeys(points.hand_points(side), f"{side} hand")
        of_joint |= {len(names.JOINTS) + names.VERTEX_PICKS.index(ear): "ears" for ear in _EARS}
        of_joint |= {_IBUG + i: label for i, label in enumerate(_FACE)}
        joints, body = np.array(list(of_joint), np.int32), points.reduce(model).body
        rest, size = smplx.pose(body, smplx.rest_motion(body)).joints[0, joints], gbuffer.extent(model)
        return cls(
            body=body,
            joints=joints,
            dense=gbuffer.pack_dense((rest - size.centre) / size.scale),
            label=np.array([names.LABELS.index(label) for label in of_joint.values()], np.uint8),
        )

    def seen(self, motion: Motion, camera: Camera) -> Float[np.ndarray, "t k 3"]:
        """(x, y, seen) of each: parts of the picture's width and height, and 1 where that lies in it, else all 0."""
        pixels, depth = cameras.project(camera, smplx.pose(self.body, motion).joints[:, self.joints])
        h, w = camera.size
        where = np.asarray(pixels) / np.array([w, h])
        inside = ((where >= 0) & (where <= 1)).all(axis=-1) & (np.asarray(depth) > cameras.MIN_DEPTH)
        return (np.concatenate([where, np.ones_like(where[..., :1])], axis=-1) * inside[..., None]).astype(np.float32)


def spec(points: Keypoints, frames: int) -> Spec:
    """Of what `KeypointWindows` adds to samples."""
    k = len(points.joints)
    return {"keypoints": shaped(np.float32, frames, k, 3), "reference_keypoints": shaped(np.float32, k, 3)}


@dataclasses.dataclass(frozen=True, eq=False)
class KeypointWindows:
    """Samples of `windows` with `keypoints` [t, k, 3] and `reference_keypoints` [k, 3], as `Keypoints.seen`."""

    windows: FrameWindows
    points: Keypoints

    @property
    def spec(self) -> Spec:
        """That of the windows, and keypoints."""
        return {**self.windows.spec, **spec(self.points, self.windows.config.count)}

    def __len__(self) -> int:
        return len(self.windows)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """As `FrameWindows.sample`."""
        same = copy.deepcopy(rng)
        sample = self.windows.sample(number, rng)
        clip, window, reference = drawn(self.windows, number, same)
        rows = stored.find(self.windows.chunks, clip, [*window, reference])
        motion = smplx.joined(*(smplx.frames_of(chunk.motion, np.array([i])) for chunk, i in rows))
        seen = self.points.seen(motion, rows[0][0].camera)
        return {**sample, "keypoints": seen[:-1], "reference_keypoints": seen[-1]}


def scenes(points: Keypoints) -> SceneOf:
    """From batches of `KeypointWindows` to scenes that hold discs and nothing else."""

    def scene_of(batch: Batch) -> Scene:
        size = batch["reference"].shape[-2]
        dense, label = discs(points, batch["keypoints"], size)
        still, still_label = discs(points, batch["reference_keypoints"], size)
        nothing = jnp.zeros((*label.shape, 3), jnp.uint8)
        controls = Controls(
            dense=dense,
            label=label,
            warp_uv=jnp.zeros((*label.shape, 2), jnp.float32),
            warp_mask=jnp.zeros(label.shape, bool),
            warp=nothing,
            composite=nothing,
            matte=jnp.zeros(label.shape, jnp.uint8),
        )
        return Scene(controls, batch["reference"], still, still_label)

    return scene_of


def discs(
    points: Keypoints, seen: Float[Array, "*b k 3"], size: int
) -> tuple[UInt16[Array, "*b {size} {size} 3"], UInt8[Array, "*b {size} {size}"]]:
    """What a pixel shows of the nearest point, where that is within `RADIUS` of its centre; 0 elsewhere."""
    centres = (jnp.arange(size) + 0.5) / size
    across, down = ((centres - seen[..., i, None]) ** 2 for i in (0, 1))
    far = across[..., None, :] + down[..., :, None]
    far = jnp.where(seen[..., 2, None, None] > 0, far, jnp.inf)
    nearest, inside = far.argmin(axis=-3), far.min(axis=-3) <= RADIUS**2
    dense, label = jnp.asarray(points.dense)[nearest], jnp.asarray(points.label)[nearest]
    return (dense * inside[..., None]).astype(jnp.uint16), (label * inside).astype(jnp.uint8)
