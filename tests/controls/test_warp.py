"""The warp: where pixels come from, and that hidden ones are not claimed."""

import dataclasses
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy import ndimage

from docs.figures import controls as figure
from docs.figures import poses
from tests.controls import pictures
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, smplx
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import lookup
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.records import GBuffer

SIZE = figure.SIZE
CELL = 0.005
"""Metres a cell of the texture: 1.3 pixels here."""
FINE = 4
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "warp.json"


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def texture():
    return make_texture()


def make_texture():
    """A volume of noise that gives every point of the body its colour; on surfaces its amplitude falls as 1/f."""
    n, rng = 96, np.random.default_rng(0)
    frequency = np.linalg.norm(np.stack(np.meshgrid(*[np.fft.fftfreq(n)] * 3, indexing="ij")), axis=0)
    frequency[0, 0, 0] = 1
    noise = np.fft.ifftn(np.fft.fftn(rng.standard_normal((n,) * 3)) / frequency**1.5).real
    noise = 128 + 50 * (noise - noise.mean()) / noise.std()

    def colour(place):
        cells = (np.moveaxis(place, -1, 0) + 2.0) / CELL
        return np.clip(ndimage.map_coordinates(noise, cells, order=1, mode="grid-wrap"), 0, 255)

    return colour


def shoot(model, yaw, joints=None, expression=None):
    motion = poses.make(model, joints or poses.RELAXED_ARMS, expression)
    motion = dataclasses.replace(
        motion,
        global_orient=np.array([[0, np.deg2rad(yaw), 0]], np.float32),
        transl=np.array([[0, 0, -figure.DISTANCE]], np.float32),
    )
    vertices = smplx.pose(model, motion).vertices
    return vertices[0], figure.on_host(gbuffers.render(vertices, model.faces, figure.camera()))


@pytest.fixture(scope="module")
def reference(model):
    return seen_as(model, *shoot(model, 0))


def measure(model, reference, texture, yaw):
    """Decibels on valid pixels, and their share of the body's."""
    _, target = shoot(model, yaw)
    uv, valid = correspond(model, target, reference)
    seen = texture(pictures.interpolate(reference.gbuffer, model.faces, model.v_template))[0]
    true = texture(pictures.interpolate(target, model.faces, model.v_template))[0]
    error = (warps.sample(seen[..., None], uv)[..., 0] - true)[valid]
    return 10 * np.log10(255**2 / (error**2).mean()), valid.sum() / gbuffers.covered(target).sum()


class Seen(NamedTuple):
    """A reference with the G-buffer that it was looked up in."""

    gbuffer: GBuffer
    surface: lookup.Surface


def seen_as(model, vertices, gbuffer):
    anchor = lookup.anchor(lookup.tables(model), gbuffer)
    return Seen(gbuffer, lookup.Surface(anchor=anchor, vertices=vertices, camera=figure.camera()))


def correspond(model, target, reference):
    found = lookup.look_up(lookup.tables(model), reference.surface, target)
    return lookup.coordinates(found)[0], found.warp_mask[0] > 0


@pytest.mark.parametrize(("yaw", "decibels", "share"), [(5, 31, 0.96), (15, 30, 0.93), (30, 29, 0.87)])
def test_a_texture_comes_back_where_the_warp_is_valid(model, reference, texture, yaw, decibels, share):
    psnr, valid_share = measure(model, reference, texture, yaw)
    assert psnr > decibels
    assert valid_share > share


def test_the_reference_corresponds_to_itself(model, reference):
    uv, valid = correspond(model, reference.gbuffer, reference)
    inside = gbuffers.covered(reference.gbuffer)[0]
    assert valid[inside].mean() > 0.999
    centres = np.stack(np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5), axis=-1)
    assert np.abs(uv - centres)[inside].max() < 0.05
    assert (uv[~inside] == 0).all()


@pytest.mark.parametrize("yaw", [5, 15, 30])
@pytest.mark.parametrize("hand_up", [False, True])
def test_what_the_reference_hides_is_not_claimed(model, reference, yaw, hand_up):
    """An oracle in 4 times finer pixels: at most 0.1 % of the valid pixels were hidden, off the outlines' 1 px band."""
    joints = {**poses.RELAXED_ARMS, **(figure.UP if hand_up else {})}
    _, target = shoot(model, yaw, joints)
    uv, valid = correspond(model, target, reference)
    hidden, band = oracle(model, reference, target, uv)
    assert (hidden & gbuffers.covered(target)[0]).sum() > 20
    assert (valid & hidden & ~band).sum() <= 0.001 * valid.sum()


def oracle(model, reference, target, uv):
    """Pixels whose point something hides in the reference, and pixels within 1 px of an outline of the reference."""
    surface = reference.surface
    fine = cameras.crop(surface.camera, 0.0, 0.0, FINE, (SIZE * FINE, SIZE * FINE))
    pixels, depth = cameras.project(fine, surface.vertices[None])
    nearest = np.asarray(raster.rasterize(pixels, depth, model.faces, size=fine.size).depth[0])
    world = pictures.interpolate(target, model.faces, surface.vertices)[0]
    own = cameras.project(surface.camera, world.reshape(-1, 3))[1].reshape(SIZE, SIZE)
    column, row = np.clip((uv * FINE).astype(int), 0, SIZE * FINE - 1).transpose(2, 0, 1)
    hidden = nearest[row, column] < own - 0.004
    blocks = np.where(np.isfinite(nearest), nearest, 99).reshape(SIZE, FINE, SIZE, FINE)
    jumps = ndimage.binary_dilation(np.ptp(blocks, axis=(1, 3)) > 0.03)
    return hidden, jumps[row // FINE, column // FINE]


def test_the_mouth_is_not_taken_from_closed_lips(model, reference):
    _, target = shoot(model, 0, expression={"jawOpen": 0.8})
    _, valid = correspond(model, target, reference)
    label = pictures.labels(target, model.labels)[0]
    inner = np.isin(label, [names.LABELS.index(name) for name in ("tongue", "lower teeth", "mouth cavity")])
    assert inner.sum() > 15
    assert not valid[inner].any()
    open_reference = seen_as(model, *shoot(model, 0, expression={"jawOpen": 0.8}))
    _, itself = correspond(model, target, open_reference)
    assert itself[inner].mean() > 0.95


def test_eyes_are_not_taken_from_shut_lids(model):
    blink = {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}
    _, target = shoot(model, 0)
    _, valid = correspond(model, target, seen_as(model, *shoot(model, 0, expression=blink)))
    eyes = np.isin(pictures.labels(target, model.labels)[0], [5, 6])
    assert eyes.sum() > 20 and not valid[eyes].any()


def test_samples_are_exact_at_centres_linear_between_and_extended_outside():
    image = np.random.default_rng(0).uniform(0, 255, (4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(warps.sample(image, np.array([[2.5, 1.5]], np.float32)), image[1:2, 2])
    middle = warps.sample(image, np.array([[3.0, 1.5]], np.float32))
    np.testing.assert_allclose(middle[0], (image[1, 2] + image[1, 3]) / 2, rtol=1e-6)
    np.testing.assert_allclose(warps.sample(image, np.array([[-9.0, 99.0]], np.float32))[0], image[3, 0])


THIN = 0.006
BOX_FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5]),
        *([2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ],
    np.int32,
)
"""Counter-clockwise from outside: two of the front, two of the back, then the rims."""
FRONT, BACK = (0, 1), (2, 3)


def box(turned):
    """A sheet `THIN` m thick, 2 m away, as the camera sees it after `turned` degrees about y; and its camera."""
    x, y, z = (0.15, 0.2, THIN / 2)
    corners = np.array([[sx * x, sy * y, sz * z] for sz in (1, -1) for sy in (-1, 1) for sx in (-1, 1)], np.float32)
    c, s = np.cos(np.deg2rad(turned)), np.sin(np.deg2rad(turned))
    posed = corners @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32) + np.array([0, 0, -2], np.float32)
    view = cameras.from_focal(300.0, (96, 96))
    return corners, posed, figure.on_host(gbuffers.render(posed[None], BOX_FACES, view)), view


def test_the_back_of_something_thin_is_not_taken_from_its_front():
    """An ear, a hand: front and back are nearer than the tolerance and both skin; only their direction tells."""
    positions, posed, gbuffer, view = box(0)
    half = np.abs(positions).max()
    sheet = lookup.Tables(
        faces=BOX_FACES,
        dense=positions / half,
        labels=np.full(len(BOX_FACES), names.LABELS.index("face skin")),
        extent=gbuffers.Extent(centre=np.zeros(3, np.float32), scale=np.asarray(half)),
    )
    surface = lookup.Surface(anchor=lookup.anchor(sheet, gbuffer), vertices=posed, camera=view)
    assert THIN < warps.TOLERANCE
    assert set(np.unique(gbuffer.face_index[gbuffers.covered(gbuffer)])) == set(FRONT)
    itself = lookup.look_up(sheet, surface, gbuffer).warp_mask
    assert itself[gbuffers.covered(gbuffer)].mean() > 0.99
    for turned in (180, 160, 205):
        _, _, target, _ = box(turned)
        found = lookup.look_up(sheet, surface, target)
        uv, valid = lookup.coordinates(found), found.warp_mask > 0
        back = np.isin(target.face_index, BACK)
        assert back.sum() > 1000
        # All else agrees: what the reference shows there is near on the body.
        column, row = np.clip(np.floor(uv[back]).astype(int), 0, 95).T
        there = pictures.interpolate(gbuffer, BOX_FACES, positions)[0, row, column]
        here = pictures.interpolate(target, BOX_FACES, positions)[back]
        near = np.linalg.norm(here - there, axis=-1) < warps.TOLERANCE
        assert (near & gbuffers.covered(gbuffer)[0, row, column]).mean() > 0.9
        assert not valid[back].any()


def report() -> None:
    """Write `RESULTS`."""
    model, texture = model_file.default(), make_texture()
    reference = seen_as(model, *shoot(model, 0))
    rows = []
    for hand_up in (False, True):
        for yaw in (5, 15, 30):
            _, target = shoot(model, yaw, {**poses.RELAXED_ARMS, **(figure.UP if hand_up else {})})
            uv, valid = correspond(model, target, reference)
            hidden, band = oracle(model, reference, target, uv)
            row = {"yaw": yaw, "hand_up": hand_up, "valid_share": valid.sum() / gbuffers.covered(target).sum()}
            row["hidden_but_valid_off_the_band"] = (valid & hidden & ~band).sum() / valid.sum()
            row["hidden_but_valid"] = (valid & hidden).sum() / valid.sum()
            if not hand_up:
                row["psnr_db"] = measure(model, reference, texture, yaw)[0]
            rows.append({key: round(float(value), 6) for key, value in row.items()})
            print(rows[-1])
    packages = ("jax", "numpy")
    result = {
        "command": "python -m tests.controls.test_warp",
        "versions": {name: metadata.version(name) for name in packages} | {"python": platform.python_version()},
        "size": SIZE,
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    report()
