"""Earrings."""

import numpy as np

from data_pipelines.avatars.wear import solids
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Free, rigid
from data_pipelines.avatars.wear.styles import Earrings


def earrings(figure: Figure, kind: Earrings) -> Free:
    """One in each lobe; they follow the head stiffly."""
    ears = figure.anatomy.vertices_of("ears")
    meshes = []
    for side in (1.0, -1.0):
        ear = figure.rest[ears[side * figure.anatomy.template[ears, 0] > 0]]
        low = ear[ear[:, 1] < np.percentile(ear[:, 1], 12)]
        lobe = np.array([side * np.abs(low[:, 0]).max(), low[:, 1].mean() + 0.001, low[:, 2].mean()])
        if kind.ring > 0:
            angle = 2 * np.pi * np.arange(20) / 20
            ring = lobe + np.array([side * 0.001, -kind.ring + 0.002, 0.0])
            path = ring + kind.ring * np.stack([0 * angle + 0.1 * side, np.cos(angle), np.sin(angle)], axis=1)
            meshes.append(solids.tube(path, 0.0011, sides=5, closed=True))
        if kind.ball > 0:
            place = lobe + np.array([side * (0.4 * kind.ball + 0.001), -kind.drop, 0.0])
            meshes.append(solids.moved(solids.ball(kind.ball), np.eye(3), place))
            if kind.drop > 0.006:
                wire = np.stack([lobe + np.array([side * 0.001, 0.0, 0.0]), place])
                meshes.append(solids.tube(wire, 0.0006, sides=4))
    vertices, faces = solids.joined(meshes)
    joints, weights = rigid("head", len(vertices))
    return Free(material="jewel", position=vertices, joints=joints, weights=weights, faces=faces)
