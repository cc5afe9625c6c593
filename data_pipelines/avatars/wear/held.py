"""Things held in a hand: cups, phones, pens, books, microphones, balls."""

import numpy as np

from data_pipelines.avatars.wear import solids
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Free, rigid
from data_pipelines.avatars.wear.styles import Held

PALM = 0.014
"""Metres from the hand's middle to the surface of its palm."""


def worn(figure: Figure, held: Held) -> Free:
    """The thing lies against palm and fingers, its axis across them, and follows the wrist."""
    wrist, knuckle = figure.joint(f"{held.hand}_wrist"), figure.joint(f"{held.hand}_middle1")
    along = (knuckle - wrist) / np.linalg.norm(knuckle - wrist)
    down = np.array([0.0, -1.0, 0.0]) - along * -along[1]  # palms look down in the rest pose
    down /= np.linalg.norm(down)
    thumb = np.array([0.0, 0.0, 1.0])
    thumb = thumb - along * (thumb @ along) - down * (thumb @ down)
    thumb /= np.linalg.norm(thumb)
    lean = np.cos(held.tilt) * thumb + np.sin(held.tilt) * along
    across = np.cross(lean, down)
    turn = np.stack([across, lean, down], axis=1)
    if held.profile:
        vertices, faces = solids.revolved(held.profile)
        depth = np.interp(0.0, *np.array(sorted((height, radius) for radius, height in held.profile)).T)
    else:
        vertices, faces = solids.box(held.box)
        depth = held.box[2]
    if np.linalg.det(turn) < 0:
        turn[:, 0] *= -1
    place = knuckle + 0.004 * along + (PALM + depth) * down
    vertices = vertices @ turn.T + place
    joints, weights = rigid(f"{held.hand}_wrist", len(vertices))
    return Free(
        material="held", position=vertices, joints=joints, weights=weights, faces=faces, back=bool(held.profile)
    )
