"""Glasses: two rims before the eyes, a bridge on the nose, and temples to the ears."""

import numpy as np

from data_pipelines.avatars.wear import solids
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Free, rigid
from data_pipelines.avatars.wear.styles import Glasses


def worn(figure: Figure, glasses: Glasses) -> Free:
    """A frame that sits on this identity's nose and ears; it has no lenses."""
    points = figure.points
    eyes = {side: figure.joint(f"{side}_eye") for side in ("left", "right")}
    lids = points[19:31]  # both eyes' outlines
    bridge = points[10:12].mean(axis=0)  # upper part of the nose's ridge
    plane = max(bridge[2] + 0.004, lids[:, 2].max() + 0.010)
    level = (eyes["left"][1] + eyes["right"][1]) / 2 - glasses.drop
    apart = (eyes["left"][0] - eyes["right"][0]) / 2
    half = min(glasses.width, apart - 0.006)  # rims leave room for the bridge
    middle = apart + 0.35 * (glasses.width - half)
    angle = 2 * np.pi * np.arange(28) / 28
    power = 2.0 / glasses.square
    x = half * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = glasses.height * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    y = y + glasses.slant * x + 0.12 * glasses.height * np.minimum(y / glasses.height, 0.0) * (x < 0)
    ears = figure.anatomy.vertices_of("ears")
    ears = figure.rest[ears[figure.anatomy.template[ears, 0] > 0]]
    hook = np.array([np.percentile(ears[:, 0], 15) + 0.002, np.percentile(ears[:, 1], 90), ears[:, 2].mean() - 0.004])
    meshes = []
    for side in (1.0, -1.0):
        # Rims bend back a little around the face.
        bend = 1.2 * np.maximum(np.abs(x + middle) - 0.03, 0.0) ** 2 / 0.03
        rim = np.stack([side * (middle + x), level + y, plane - bend], axis=1)
        meshes.append(solids.tube(rim, glasses.thickness, sides=5, closed=True))
        outer = rim[np.argmax(np.abs(rim[:, 0]))] + (0.0, 0.35 * glasses.height, 0.0)
        hinge = outer + np.array([side * 0.003, 0.0, -0.004])
        wide = side * max(hook[0], np.abs(hinge[0]) - 0.002)
        ear = np.array([side * hook[0], hook[1], hook[2]])
        before = np.array([wide, (hinge[1] + hook[1]) / 2 + 0.001, hinge[2] + 0.55 * (hook[2] - hinge[2])])
        end = ear + np.array([0.0, -0.022, -0.018])
        arm = np.stack([outer, hinge, before, ear, ear + np.array([0.0, -0.006, -0.010]), end])
        meshes.append(solids.tube(arm, np.maximum(glasses.thickness, 0.0012), sides=5, flat=1.6))
    inner = middle - half
    along = np.linspace(-1.0, 1.0, 7)
    arch = np.stack(
        [inner * along, level + 0.25 * glasses.height + 0.004 * (1 - along**2), plane + 0.003 * (1 - along**2)], axis=1
    )
    meshes.append(solids.tube(arch, glasses.thickness, sides=5))
    vertices, faces = solids.joined(meshes)
    joints, weights = rigid("head", len(vertices))
    return Free(material="frame", position=vertices, joints=joints, weights=weights, faces=faces)
