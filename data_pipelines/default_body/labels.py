"""Which of `names.LABELS` every quad of the mesh belongs to, from mesh groups, MakeHuman's masks and the skinning."""

import numpy as np

from data_pipelines.default_body import eyeball
from data_pipelines.default_body.source import Source
from vlogger_jax.body import names
from vlogger_jax.body.model_file import labels_from_weights
from vlogger_jax.core.typing import Array, Float, Int, UInt8

_HAIRLINE = 0.071
"""Metres above the eyes at which the forehead ends."""
_NAPE = 0.075
"""Metres below the eyes at which the scalp ends at the back."""


def build(
    source: Source,
    groups: np.ndarray,
    quads: Int[Array, "q 4"],
    centres_uv: Float[Array, "q 2"],
    vertices: Float[Array, "v 3"],
    joints: dict[str, np.ndarray],
    weights: Float[Array, "v 55"],
) -> UInt8[Array, "q"]:
    """Labels [q] uint8.

    Args:
        groups: [q] mesh group of each quad.
        quads: [q, 4] into the kept vertices.
        centres_uv: [q, 2] middle of each quad in the texture.
        vertices: [v, 3] kept vertices at rest.
        joints: name → position at rest.
        weights: [v, 55].
    """
    index = {name: names.LABELS.index(name) for name in names.LABELS}
    labels = labels_from_weights(weights, quads).astype(np.uint8)
    centre = vertices[quads].mean(axis=1)
    eye_height = joints["left_eye"][1]
    skin = groups == "body"
    head = skin & (labels == index["face skin"])
    face = head & (_sample(source.mask("face"), centres_uv) > 0.5) & (centre[:, 1] < eye_height + _HAIRLINE)
    behind = centre[:, 2] < joints["head"][2] + 0.02
    scalp = head & ~face & ((centre[:, 1] > eye_height) | (behind & (centre[:, 1] > eye_height - _NAPE)))
    labels[head & ~face] = index["neck"]
    labels[scalp] = index["scalp"]
    for mask, name, level in (
        ("ears", "ears", 0.5),
        ("eyelids", "eyelids", 0.3),
        ("lips", "lips", 0.5),
        ("inside-mouth", "mouth cavity", 0.5),
    ):
        labels[skin & (_sample(source.mask(mask), centres_uv) > level)] = index[name]
    for group, name in (
        ("helper-upper-teeth", "upper teeth"),
        ("helper-lower-teeth", "lower teeth"),
        ("helper-tongue", "tongue"),
    ):
        labels[groups == group] = index[name]
    for side in ("left", "right"):
        ball = groups == f"eye-{side[0]}"
        labels[ball] = np.where(np.arange(ball.sum()) < eyeball.IRIS_QUADS, index["iris"], index["sclera"])
    return labels


def _sample(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    h, w = image.shape[:2]
    row = np.clip(((1 - uv[:, 1]) * h).astype(int), 0, h - 1)
    return image[row, np.clip((uv[:, 0] * w).astype(int), 0, w - 1)]
