"""The square in which a clip is framed: where it lies, and pictures and mattes cut to it."""

import math

import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, smplx
from vlogger_jax.body.camera import Square
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import grid, warp
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Bool, UInt8

HEAD = [names.LABELS.index(name) for name in ("face skin", "scalp", "ears")]
SHOULDERS = [names.JOINTS.index(f"{side}_shoulder") for side in ("left", "right")]
HANDS = [names.LABELS.index(f"{side} hand") for side in ("left", "right")]

_TOGETHER = 8
"""Frames posed at a time: all vertices of ten seconds would take 40 MB."""

_FLOAT = np.zeros((), np.float32)


def square(model: BodyModel, motion: Motion, camera: Camera, hands: Bool[np.ndarray, "t 2"]) -> Square:
    """The square around head, shoulders and visible hands of all frames (`camera.square_crop`).

    Args:
        camera: of the whole picture, for all frames.
        hands: whether the left and the right one are visible.

    Raises:
        UserError: if the head is in the picture in no frame.
    """
    head, *each_hand = (
        np.unique(model.faces[np.isin(model.labels, labels)]) for labels in (HEAD, *([hand] for hand in HANDS))
    )
    heads: list[np.ndarray] = []
    others: list[np.ndarray] = []
    for start in range(0, len(hands), _TOGETHER):
        posed = smplx.pose(model, smplx.frames_of(motion, slice(start, start + _TOGETHER)))
        pixels = cameras.project(camera, posed.vertices)[0]
        heads += [pixels[:, head].reshape(-1, 2)]
        others += [cameras.project(camera, posed.joints[:, SHOULDERS])[0].reshape(-1, 2)]
        for side, hand in enumerate(each_hand):
            others += [pixels[hands[start : start + _TOGETHER, side]][:, hand].reshape(-1, 2)]
    return cameras.square_crop(np.concatenate(heads), np.concatenate(others), camera.size)


def cut(image: UInt8[np.ndarray, "_ _ 3"], square: Square, size: int) -> UInt8[np.ndarray, "s s 3"]:
    """The square of a picture at `size` pixels to a side: area means where that is fewer, else linear in between."""
    x0, y0, side = square
    part = image[y0 : y0 + side, x0 : x0 + side].astype(np.float32)
    if side >= size:
        scaled = grid.mean(part, (size, size))
    else:
        scaled = warp.sample(part, grid.centres(size, size, _FLOAT) * np.float32(side / size))
    return np.round(scaled).clip(0, 255).astype(np.uint8)


def cut_matte(
    matte: UInt8[np.ndarray, "mh mw"], square: Square, of: tuple[int, int], size: int
) -> UInt8[np.ndarray, "s s"]:
    """The square of a matte that is smaller than its picture, which has the size `of` (height, width)."""
    x0, y0, side = square
    scale = np.float32((matte.shape[1] / of[1], matte.shape[0] / of[0]))
    # Samples to a side of each pixel, so that none of the matte's is skipped.
    finer = math.ceil(max(1.0, side * float(scale.max()) / size))
    where = grid.centres(finer * size, finer * size, _FLOAT) * np.float32(side / (finer * size))
    sampled = warp.sample(matte[..., None].astype(np.float32), (where + np.float32((x0, y0))) * scale)
    return np.round(grid.mean(sampled, (size, size))[..., 0]).clip(0, 255).astype(np.uint8)
