"""Clothes: they cover what they should, end where they should, and no skin shows through when people talk."""

import dataclasses

import numpy as np
import pytest

from data_pipelines.avatars import outfit
from data_pipelines.avatars.wear import garments, styles
from tests.avatars.wearing import betas_of, dressed, model, person, plain, seen, still, talking, vertices_of
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names

SIZE = 160


def through(seed: int, worn: outfit.Outfit, wear: styles.Wear, frames: int = 2) -> tuple[int, int]:
    """Pixels of skin seen well inside of the shirt's or jacket's edge, and pixels of cloth, in talking poses."""
    betas = betas_of(seed)
    motion, camera = talking(seed, betas, frames)
    posed = outfit.pose(model(), worn, motion)
    index = seen(posed.vertices, worn.faces, cameras.crop(camera, 0, 0, SIZE / 512, (SIZE, SIZE)))
    template = np.asarray(model().v_template, np.float64)
    faces = np.asarray(model().faces)
    layers = [wear.shirt] + ([] if wear.jacket is None else [wear.jacket])
    inside = np.max([covered(template, layer) for layer in layers], axis=0)
    labels = [names.LABELS.index(name) for name in ("torso", "arms", "neck")]
    deep = (inside[faces] > 0.012).all(axis=1) & np.isin(np.asarray(model().labels), labels)
    skin = np.zeros(len(worn.faces), bool)
    skin[: len(faces)] = deep
    cloth = np.isin(worn.material, [outfit.MATERIALS.index(name) for name in ("garment", "jacket")])
    hit = index[index >= 0]
    return int(skin[hit].sum()), int(cloth[hit].sum())


def covered(template: np.ndarray, layer: styles.Garment) -> np.ndarray:
    sides = np.minimum(layer.sleeve - np.abs(template[:, 0]), template[:, 1] - layer.hem)
    return np.minimum(sides, garments.opening(template, layer.neckline))


def test_no_skin_shows_through_cloth():
    found = np.array([through(seed, person(seed)[2], person(seed)[1]) for seed in range(8)])
    assert found[:, 1].min() > 500
    assert found[:, 0].sum() <= 1e-4 * found[:, 1].sum()


def test_skin_would_be_seen_through_a_shirt_that_sinks_in():
    wear = plain()
    _, worn = dressed(wear)
    sunk = dataclasses.replace(worn, shell_offset=worn.shell_offset - np.float32(0.012))
    skin, _ = through(0, sunk, wear, frames=1)
    assert skin > 100


@pytest.mark.parametrize("sleeve", [0.25, 0.4, 0.62])
def test_sleeves_end_where_they_should(sleeve):
    wear = plain()
    figure, worn = dressed(dataclasses.replace(wear, shirt=dataclasses.replace(wear.shirt, sleeve=sleeve)))
    shirt = vertices_of(worn, "garment")
    assert np.abs(np.abs(worn.place[shirt, 0]).max() - sleeve) < 0.008
    posed = outfit.pose(model(), worn, still(betas_of(0)))
    assert len(figure.rest) <= shirt.min()
    assert np.abs(posed.vertices[0, shirt, 0]).max() < 0.9


def test_loose_clothes_stand_farther_off():
    def mean_offset(loose: float) -> float:
        wear = plain()
        _, worn = dressed(dataclasses.replace(wear, shirt=dataclasses.replace(wear.shirt, loose=loose)))
        return float(worn.shell_offset[vertices_of(worn, "garment") - len(model().v_template)].mean())

    assert mean_offset(0.02) > mean_offset(0.0) + 0.003


def test_a_jacket_lies_over_the_shirt():
    wear = plain()
    jacket = dataclasses.replace(wear.shirt, thickness=0.001, loose=0.0, folds=0.0, sleeve=0.6, seed=2)
    _, worn = dressed(dataclasses.replace(wear, jacket=jacket))
    count = len(model().v_template)
    over = {}
    for material in ("garment", "jacket"):
        which = vertices_of(worn, material) - count
        which = which[(worn.shell_share[which] == 0) & (worn.shell_offset[which] > 0)]
        over[material] = dict(zip(worn.shell_vertex[which].tolist(), worn.shell_offset[which].tolist(), strict=True))
    both = set(over["garment"]) & set(over["jacket"])
    assert len(both) > 1000
    assert all(over["jacket"][vertex] > over["garment"][vertex] + 0.001 for vertex in both)


def test_a_turtleneck_climbs_the_neck_and_a_notch_opens_the_chest():
    template = np.asarray(model().v_template, np.float64)
    throat = np.argmin(np.linalg.norm(template - (0.0, 0.175, 0.075), axis=1))
    breast = np.argmin(np.linalg.norm(template - (0.0, 0.06, 0.10), axis=1))
    usual = plain().shirt.neckline
    high = dataclasses.replace(usual, collar_height=0.05)
    notched = dataclasses.replace(usual, notch_bottom=0.02, notch_slope=0.5, notch_gap=0.0)
    assert [garments.opening(template, line)[throat] > 0 for line in (usual, high, notched)] == [False, True, False]
    assert [garments.opening(template, line)[breast] > 0 for line in (usual, high, notched)] == [True, True, False]
