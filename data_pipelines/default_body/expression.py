"""ARKit's 52 expressions on the T-pose, with the opening of the jaw given to `jaw_pose`.

ARKit's jawOpen turns the jaw and drags the face after it. Here the turn is the jaw joint's, so that `jaw_pose` keeps
its meaning for SMPL-X motions, and the expression `jawOpen` holds the rest: jaw_pose = (angle, 0, 0) with jawOpen = 1
is ARKit's full opening exactly. `mouthClose` closes the lips over an open jaw, so its offsets are turned back
likewise. Gaze is `leye_pose` and `reye_pose`: the eyeLook expressions keep their lids and lose their eyeballs.
"""

from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.skeleton import Skeleton
from data_pipelines.default_body.source import Source
from vlogger_jax.body import names
from vlogger_jax.core.typing import Array, Float, Int

_PRESSING_CLOSES = 0.07
"""How much of mouthClose goes with each mouthPress; without it the corners of pressed lips are a millimetre apart."""

_JAW = names.JOINTS.index("jaw")


@dataclass(frozen=True)
class Expressions:
    """Offsets [v, 3, 52] in `names.EXPRESSIONS`' order, and jaw_pose's angle (radians) at jawOpen = 1."""

    directions: np.ndarray
    jaw_open_angle: float


def build(
    source: Source, kept: Int[Array, "v"], skeleton: Skeleton, vertices: Float[Array, "v 3"], jaw: Float[Array, "3"]
) -> Expressions:
    """Make the expressions.

    Args:
        vertices: [v, 3] kept vertices at rest; the head stands the same in the artist's pose and in the T-pose.
        jaw: [3], the jaw joint at rest.
    """
    raw = {name: source.face_unit(name)[kept] for name in names.EXPRESSIONS}
    eyeballs = np.isin(kept, [source.mesh.group_vertices(f"eye-{side}") for side in "lr"])
    for name in raw:
        if name.startswith("eyeLook"):
            raw[name][eyeballs] = 0.0
        elif name.startswith("mouthPress"):
            raw[name] += _PRESSING_CLOSES * raw["mouthClose"]

    teeth = np.isin(kept, source.mesh.group_vertices("helper-lower-teeth"))
    angle = _turn_about_x(vertices[teeth] - jaw, vertices[teeth] + raw["jawOpen"][teeth] - jaw)
    # Skinning at the open jaw, per vertex: x → blended · x + shift. Nothing but the jaw turns.
    weight = skeleton.weights[:, _JAW, None, None]
    blended = (1 - weight) * np.eye(3) + weight * _about_x(angle)
    shift = weight[..., 0] * (jaw - _about_x(angle) @ jaw)
    opened = np.linalg.solve(blended, (vertices + raw["jawOpen"] - shift)[..., None])[..., 0]
    raw["jawOpen"] = opened - vertices
    raw["mouthClose"] = np.linalg.solve(blended, raw["mouthClose"][..., None])[..., 0]
    return Expressions(
        directions=np.stack([raw[name] for name in names.EXPRESSIONS], axis=-1),
        jaw_open_angle=angle,
    )


def _turn_about_x(start: np.ndarray, end: np.ndarray) -> float:
    """The least-squares angle about x that takes points `start` to `end`, both relative to the pivot."""
    sine = (start[:, 1] * end[:, 2] - start[:, 2] * end[:, 1]).sum()
    cosine = (start[:, 1] * end[:, 1] + start[:, 2] * end[:, 2]).sum()
    return float(np.arctan2(sine, cosine))


def _about_x(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
