"""Colour from what was looked up: against a plain oracle, larger pictures, many clips at once, numpy against JAX."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from docs.figures import controls as figure
from docs.figures import stand_in
from tests.controls import pictures
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file
from vlogger_jax.controls import build, complete, grid, lookup
from vlogger_jax.controls import composite as composites
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Controls, GBuffer

SIZE = 64


@dataclasses.dataclass(frozen=True)
class Scene:
    """Frames of a person, as integers; the first is the reference. `large` is the reference at twice the size."""

    vertices: np.ndarray
    view: Camera
    gbuffer: GBuffer
    image: np.ndarray
    matte: np.ndarray
    large: tuple[np.ndarray, np.ndarray]
    anchor: lookup.Anchor
    looked_up: lookup.Lookup
    tables: lookup.Tables


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def scene(model):
    view, twice = (
        cameras.crop(figure.camera(), 0.0, 0.0, times * SIZE / 256, (times * SIZE, times * SIZE)) for times in (1, 2)
    )
    vertices, person = figure.posed_frames(model)[[0, 1, 3]], stand_in.make(model)
    gbuffer = figure.on_host(gbuffers.render(vertices, model.faces, view))
    tables = lookup.tables(model)
    anchor = lookup.anchor(tables, GBuffer(face_index=gbuffer.face_index[:1], bary=gbuffer.bary[:1]))
    surface = lookup.Surface(anchor=anchor, vertices=vertices[0], camera=view)
    return Scene(
        *(vertices, view, gbuffer, *stand_in.photograph(person, vertices[0], view)),
        large=stand_in.photograph(person, vertices[0], twice),
        anchor=anchor,
        looked_up=lookup.look_up(tables, surface, gbuffer),
        tables=tables,
    )


def made(scene):
    source = complete.portrait(scene.anchor, scene.tables.extent, scene.image, scene.matte)
    return complete.complete(source, scene.looked_up)


def plain(model, scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Warp (0 where it is not valid), composite and matte from positions and coordinates that were never rounded."""
    first = GBuffer(face_index=scene.gbuffer.face_index[:1], bary=scene.gbuffer.bary[:1])
    world = pictures.interpolate(scene.gbuffer, model.faces, scene.vertices[0])
    uv = cameras.project(scene.view, world.reshape(-1, 3))[0].reshape(*world.shape[:-1], 2)
    inside = gbuffers.covered(scene.gbuffer)
    uv = np.where(inside[..., None], uv, 0).astype(np.float32)
    valid = scene.looked_up.warp_mask > 0
    place = pictures.interpolate(scene.gbuffer, model.faces, model.v_template)
    label = pictures.labels(scene.gbuffer, model.labels)
    part = composites.parts(label, place)
    body = gbuffers.covered(first)[0]
    extended = composites.extend(uv, part, composites.outline(body))
    colour, matte = scene.image.astype(np.float32), scene.matte.astype(np.float32) / 255
    layers = composites.layers(
        colour, matte, body, pictures.interpolate(first, model.faces, model.v_template)[0].astype(np.float32)
    )
    composite, coverage = composites.compose(
        *(warps.sample(layers, extended), composites.background(colour, matte), extended, part, label, valid, place)
    )
    return warps.sample(colour, uv) * valid[..., None], composite, coverage * 255


def test_integers_give_what_unrounded_numbers_give(model, scene):
    """The rounding of coordinates (1/1000 pixel) and of positions (26 micrometres) shows nowhere but in last bits."""
    found = made(scene)
    for ours, true in zip((found.warp, found.composite, found.matte), plain(model, scene), strict=True):
        error = np.abs(ours - true)
        # Where the nearest pixel of an outline changes by rounding, a pixel around the body may.
        assert (error > 1.0).mean() < 1e-3 and error.mean() < 0.3
    assert 0.05 < found.warp_mask.mean() < 0.5
    np.testing.assert_array_equal(found.dense, scene.looked_up.dense)
    np.testing.assert_array_equal(found.label, scene.looked_up.label)
    uv = lookup.coordinates(scene.looked_up)
    np.testing.assert_array_equal(found.warp_uv, uv * found.warp_mask[..., None])


def test_build_is_look_up_then_complete_then_reduce(scene):
    first = GBuffer(face_index=scene.gbuffer.face_index[:1], bary=scene.gbuffer.bary[:1])
    source = build.reference(scene.tables, scene.image, scene.matte, first, scene.vertices[0], scene.view)
    whole = made(scene)
    for size, expected in ((None, whole), ((SIZE, SIZE), whole), ((40, 32), complete.reduce(whole, (40, 32)))):
        found = build.build(scene.tables, source, scene.gbuffer, size)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    assert complete.reduce(whole, (40, 32)).composite.shape == (3, 40, 32, 3)


def test_a_larger_picture_gives_controls_of_its_size(scene):
    image, matte = scene.large
    source = complete.portrait(scene.anchor, scene.tables.extent, image, matte)
    large, small = complete.complete(source, scene.looked_up), made(scene)
    for field in dataclasses.fields(Controls):
        one, other = getattr(large, field.name), getattr(small, field.name)
        assert one.shape[:3] == (3, 2 * SIZE, 2 * SIZE) and one.dtype == other.dtype
    for name in ("dense", "label", "warp_mask"):
        np.testing.assert_array_equal(getattr(large, name)[:, 1::2, ::2], getattr(small, name))
    # Unmoved, every pixel comes from itself, and the composite is the picture.
    valid = large.warp_mask[0]
    centres = grid.centres(2 * SIZE, 2 * SIZE, np.zeros((), np.float32))
    error = np.abs(large.warp_uv[0] - centres)
    # Beside an outline flow is mixed with that of what surrounds the body, which is off by up to a pixel.
    away = valid & ~grid.dilate(large.label[0] == 0, 4)
    assert error[away].max() < 0.1 and error[valid].max() < 1.5
    assert np.abs(large.warp[0].astype(int) - image)[valid].mean() < 1.0
    assert np.abs(large.composite[0].astype(int) - image).mean() < 2.5
    # Moved, coordinates are those of the small controls in pixels half as large, interpolated.
    both = grid.repeat(small.warp_mask[..., None], 2)[..., 0]
    assert np.abs(large.warp_uv - 2 * grid.repeat(small.warp_uv, 2))[both].mean() < 1.0
    # Colours are the large picture's own.
    again = warps.sample(image.astype(np.float32), large.warp_uv)[large.warp_mask]
    assert np.abs(large.warp[large.warp_mask] - again).max() < 0.51


def test_many_clips_at_once_under_jit(scene):
    """As a training step does it: clips stacked, `vmap`ped, compiled; equal to numpy's clip by clip."""
    extent = scene.tables.extent

    @partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # compiled in a third of the time
    @jax.vmap
    def step(anchor, looked_up, image, matte):
        return complete.complete(complete.portrait(anchor, extent, image, matte), looked_up)

    def stacked(values):
        return jnp.stack([values, values[::-1]] if values.shape[0] == 3 else [values, values])

    integers = jax.tree.map(stacked, (scene.anchor, scene.looked_up))
    images = jnp.stack([scene.image, 255 - scene.image])
    both = jax.tree.map(np.asarray, step(*integers, images, stacked(scene.matte)))
    backwards = jax.tree.map(lambda values: values[::-1], scene.looked_up)
    other = dataclasses.replace(scene, image=255 - scene.image, looked_up=backwards)
    for k, expected in enumerate((made(scene), made(other))):
        for field in dataclasses.fields(Controls):
            ours, theirs = getattr(expected, field.name), getattr(both, field.name)[k]
            assert ours.dtype == theirs.dtype, field.name
            different = np.abs(ours.astype(np.float64) - theirs) > (0.01 if ours.dtype == np.float32 else 1.01)
            assert different.mean() < 1e-3, field.name


def test_reduced_under_jit(scene):
    whole, size = made(scene), (40, 32)
    ours, traced = complete.reduce(whole, size), jax.jit(complete.reduce, static_argnums=1)(whole, size)
    for field in dataclasses.fields(Controls):
        one, other = getattr(ours, field.name), np.asarray(getattr(traced, field.name))
        assert one.dtype == other.dtype, field.name
        # Means are summed in another order: a last bit, or a byte where rounding is a tie but for it.
        different = np.abs(one.astype(np.float64) - other) > (1e-3 if one.dtype == np.float32 else 1.01)
        assert not different.any(), field.name


def test_a_picture_that_is_no_multiple_is_refused(scene):
    image, matte = scene.large
    cases = (
        (image[:100], matte[:100]),
        (image, matte[:64]),
        (image[:32, :32], matte[:32, :32]),
        (image[:64], matte[:64]),
    )
    for wrong in cases:
        with pytest.raises(UserError, match="whole number"):
            complete.portrait(scene.anchor, scene.tables.extent, *wrong)
