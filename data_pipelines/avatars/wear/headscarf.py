"""A cloth around head, neck and shoulders that leaves the face: grown like hair, from the face's outline outwards."""

import numpy as np

from data_pipelines.avatars.wear import strands
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Free, grid_faces
from data_pipelines.avatars.wear.styles import Headscarf

_COLUMNS, _ROWS = 56, 15


def worn(figure: Figure, cloth: Headscarf, outermost: np.ndarray) -> Free:
    """The cloth, over clothes that stand `outermost` [v] metres off the body."""
    points = figure.points
    brow = points[0:10, 1].mean()
    chin = figure.joint("jaw")[1] - 0.075
    middle = np.array([0.0, (brow + 0.030 + chin) / 2, points[19:31, 2].mean()])
    tall = (brow + 0.030 - chin) / 2 + 0.004
    wide = np.abs(points[[0, 9], 0]).mean() + 0.012
    angle = 2 * np.pi * np.arange(_COLUMNS) / _COLUMNS  # from the forehead towards the person's left
    out = np.stack([np.sin(angle), np.cos(angle), np.zeros(_COLUMNS)], axis=1)
    start = middle + out * (wide, tall, 0.0)
    # The outline lies on the face: farther back at the cheeks and below the chin.
    start[:, 2] += 0.012 - 0.052 * np.abs(np.sin(angle)) ** 1.5 - 0.040 * np.clip(-np.cos(angle), 0.0, 1.0) ** 2
    lengths = np.interp(np.cos(angle), (-1.0, -0.3, 0.5, 1.0), (0.24, 0.38, 0.50, 0.50)) + cloth.hem - 0.1
    jaw, neck = figure.joint("jaw")[1], figure.joint("neck")
    above = np.clip(np.cos(angle) + 0.35, 0.0, 1.0)[:, None]  # columns that go over the head

    def steer(step: int, position: np.ndarray, direction: np.ndarray) -> np.ndarray:
        back = np.array([0.0, 0.0, -1.0])
        behind = position[:, 2:3] < 0.0
        fall = np.where(behind, 0.5, 0.05) * above + (1 - above) * 0.6
        # Between jaw and shoulders it is wound around the neck, from where it lies down on the shoulders.
        height = position[:, 1:2]
        wound = np.clip((jaw + 0.03 - height) / 0.03, 0.0, 1.0) * np.clip((height - neck[1]) / 0.04, 0.0, 1.0)
        inward = (neck - position) * (1.0, 0.0, 1.0)
        apart = np.linalg.norm(inward, axis=1, keepdims=True)
        inward /= np.maximum(apart, 1e-6)
        low = np.clip((neck[1] + 0.035 - height) / 0.03, 0.0, 1.0)
        spread = 0.9 * np.abs(np.sin(angle))[:, None] * low * np.clip((0.13 - apart) / 0.05, 0.0, 1.0)
        fall = np.maximum(fall, 0.9 * low)
        return (
            direction
            + (1.2 * cloth.tight * wound - spread) * inward
            + 0.35 * above * back * ~behind
            + fall * (0.0, -1.0, 0.0)
            - 0.25 * (1 - above) * (0.0, 0.0, 1.0) * (step < 2)
        )

    first = out + 0.6 * above * (0.0, 0.0, -1.0) + (1 - above) * (0.0, -0.2, -0.6)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    margin = cloth.thickness
    path = strands.grow(
        figure,
        figure.push_out(start, cloth.thickness),
        lengths,
        first,
        np.full(_COLUMNS, margin),
        _ROWS,
        steer,
        outermost,
        hug=0.8,
    )
    for _ in range(4):  # a cloth evens itself out sideways
        path = (path + 0.5 * (np.roll(path, 1, 0) + np.roll(path, -1, 0))) / 2
        flat = figure.push_out(path.reshape(-1, 3), margin, outermost)
        path = flat.reshape(path.shape)
    folds = 0.004 * np.sin(9 * angle)[:, None] * np.clip((np.arange(_ROWS + 1) - 6) / 6, 0.0, 1.0)
    path = path + folds[..., None] * out[:, None]
    grid = np.concatenate([path[:, :1] + (path[:, :1] - middle) * (-0.03), path], axis=1).transpose(1, 0, 2)
    joints, weights = strands.hanging(figure, grid.reshape(-1, 3))
    faces = grid_faces(len(grid), _COLUMNS, closed=True)
    return Free(
        material="hat", position=grid.reshape(-1, 3), joints=joints, weights=weights, faces=faces[:, ::-1], back=True
    )
