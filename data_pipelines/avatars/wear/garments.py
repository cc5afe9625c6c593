"""Clothes: shells that stand off torso, arms and legs, cut at neckline, cuffs and hem."""

from functools import lru_cache

import numpy as np

from data_pipelines.avatars.wear import cut
from data_pipelines.avatars.wear.figure import Anatomy, Figure
from data_pipelines.avatars.wear.pieces import Shell
from data_pipelines.avatars.wear.styles import Garment, Neckline, Trousers

NECK_BASE, BACK_BASE = 0.150, 0.186
"""y of the neck's base in the template, in front and behind."""

_LAYER = 0.004  # metres between one layer and the next
_MARGIN = 0.03  # metres beyond its edge that a layer still counts


def worn(
    figure: Figure, shirt: Garment, jacket: Garment | None, trousers: Trousers
) -> tuple[list[Shell], np.ndarray, np.ndarray]:
    """The shells, and how far shirt and outermost cloth are off every vertex of the body (0 where it is bare)."""
    template = figure.anatomy.template
    height = template[:, 1]
    faces = _region(figure.anatomy)
    within = np.minimum(trousers.waist - height, height - trousers.leg)
    legwear = np.where(within > -_MARGIN, trousers.thickness + _LAYER, 0.0)
    inside, offset = _layer(figure, shirt, legwear)
    shells = [cut.shell(figure, faces, inside, offset, "garment")]
    under = outermost = np.where(inside > -_MARGIN, offset, 0.0)
    if jacket is not None:
        over, thick = _layer(figure, jacket, np.maximum(legwear, under) + _LAYER)
        shells.append(cut.shell(figure, faces, over, thick, "jacket", rim=0.02))
        outermost = np.where(over > 0, np.maximum(thick, under), under)
    legs = np.concatenate([figure.anatomy.label_faces[name] for name in ("torso", "lower body")])
    legs = legs[(height[legs].max(axis=1) > trousers.leg - 0.05) & (height[legs].min(axis=1) < trousers.waist + 0.05)]
    shells.append(cut.shell(figure, legs, within, np.full(len(template), trousers.thickness), "trousers"))
    return shells, np.where(inside > 0, under, 0.0), np.where((inside > 0) | (outermost > under), outermost, 0.0)


def opening(template: np.ndarray, neckline: Neckline) -> np.ndarray:
    """Metres from the neckline of every point, positive where there is cloth."""
    x, y, z = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    forward = np.clip((z + 0.01) / 0.06, 0.0, 1.0)
    depth = neckline.back + (neckline.front - neckline.back) * forward
    base = BACK_BASE + (NECK_BASE - BACK_BASE) * forward
    below = np.maximum(base - y, 0.0)
    ratio = np.hypot(x / neckline.width, below / depth)
    hole = (ratio - 1.0) * np.minimum(neckline.width, depth)
    cloth = np.maximum(hole, NECK_BASE + neckline.collar_height - y - 0.25 * (z - 0.02))
    half = neckline.notch_gap + neckline.notch_slope * np.maximum(y - neckline.notch_bottom, 0.0)
    slope = np.where(y > neckline.notch_bottom, neckline.notch_slope, 0.0)
    notch = (x - half) / np.hypot(1.0, slope) + np.maximum(0.04 - z, 0.0) * 1.5
    return np.minimum(cloth, notch)


@lru_cache(maxsize=2)
def _covered(shared: Anatomy) -> np.ndarray:
    """The vertices of `_region`."""
    return np.unique(_region(shared))


@lru_cache(maxsize=2)
def _region(shared: Anatomy) -> np.ndarray:
    """Faces that a layer may cover."""
    labels, height = shared.label_faces, shared.template[:, 1]
    hips = labels["lower body"]
    return np.concatenate([labels["torso"], labels["arms"], labels["neck"], hips[height[hips].min(axis=1) > -0.60]])


def _layer(figure: Figure, garment: Garment, least: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where there is cloth (metres from its edge) and its offset, at least `least`, of every vertex of the body."""
    template = figure.anatomy.template
    across, height = np.abs(template[:, 0]), template[:, 1]
    cuff, hem = garment.sleeve - across, height - garment.hem
    arm = np.clip((across - 0.15) / 0.08, 0.0, 1.0)
    waist = np.exp(-(((height + 0.22) / 0.14) ** 2)) * (1 - arm)
    upper_arm = np.exp(-(((across - 0.30) / 0.10) ** 2)) * arm
    forearm = arm * np.clip((across - 0.38) / 0.1, 0.0, 1.0)
    thick = garment.thickness + garment.loose * np.maximum.reduce(
        [waist, 0.6 * upper_arm, 0.35 * forearm, 0.15 + 0 * arm]
    )
    region = _covered(figure.anatomy)
    folds = garment.folds * np.maximum(garment.thickness, 0.35 * thick[region])
    thick[region] += folds * _folds(template[region], garment.seed)
    # Where skin folds the cloth needs more room.
    armpit = np.exp(-(((across - 0.175) / 0.05) ** 2 + ((height - 0.05) / 0.06) ** 2))
    thick = thick + 0.004 * armpit
    edge = np.minimum(np.maximum(cuff, 0.0), np.maximum(hem, 0.0))
    thick = thick + garment.flare * np.exp(-edge / 0.03)
    near_neck = np.clip((height - NECK_BASE + 0.03) / 0.03, 0.0, 1.0) * (across < 0.12)
    thick = np.maximum(thick * (1 - 0.5 * near_neck), np.maximum(least, 0.0025))
    inside = np.minimum(np.minimum(cuff, hem), opening(template, garment.neckline))
    for _ in range(2):  # no corners sharper than the mesh can show
        inside = (inside + figure.anatomy.neighbours @ inside) / 2
    region = region[inside[region] > -_MARGIN]
    times = int(6 + 500 * garment.loose)
    thick = cut.tension(figure, region, thick, np.maximum(least, 0.55 * thick), times)
    return inside, np.clip(thick, 0.0, 0.07)


def _folds(points: np.ndarray, seed: int) -> np.ndarray:
    """Smooth noise between about -1 and 1 with ridges along a few directions, 4 to 15 cm apart."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(10, 3)) * (0.7, 1.0, 0.5)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wave = direction * (2 * np.pi / rng.uniform(0.05, 0.16, (10, 1)))
    phase = rng.uniform(0, 2 * np.pi, 10)
    return np.sin(points @ wave.T + phase).sum(axis=1) / np.sqrt(10)
