"""What is looked up in G-buffers: closed forms, a plain oracle, numpy against JAX, and what may leave a loader."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from docs.figures import controls as figure
from tests.controls import pictures
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import lookup
from vlogger_jax.controls import warp as warps
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import GBuffer

SIZE = 96


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def scene(model):
    """(tables, vertices of the reference, its camera, G-buffers of five frames; the first is the reference)."""
    return scene_of(model, SIZE)


def scene_of(model, size):
    view = cameras.crop(figure.camera(), 0.0, 0.0, size / 256, (size, size))
    vertices = figure.posed_frames(model)
    return lookup.tables(model), vertices[0], view, figure.on_host(gbuffers.render(vertices, model.faces, view))


def frames(gbuffer, start, stop):
    return GBuffer(face_index=gbuffer.face_index[start:stop], bary=gbuffer.bary[start:stop])


def surface_of(tables, vertices, view, gbuffer):
    return lookup.Surface(anchor=lookup.anchor(tables, gbuffer), vertices=vertices, camera=view)


@pytest.fixture(scope="module")
def surface(scene):
    tables, vertices, view, gbuffer = scene
    return surface_of(tables, vertices, view, frames(gbuffer, 0, 1))


def plain(model, vertices, view, reference, target):
    """Coordinates, unrounded, and validity, by whole pictures of positions in metres."""
    world = pictures.interpolate(target, model.faces, vertices)
    uv, depth = cameras.project(view, world.reshape(-1, 3))
    uv, depth = uv.reshape(*world.shape[:-1], 2), depth.reshape(world.shape[:-1])
    limit = np.maximum(warps.TOLERANCE, 0.71 * depth / view.focal)
    h, w = view.size
    column, row = (np.floor(uv[..., k]).astype(int) for k in (0, 1))
    in_image = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    row, column = np.clip(row, 0, h - 1), np.clip(column, 0, w - 1)
    here = pictures.interpolate(target, model.faces, model.v_template)
    there = pictures.interpolate(reference, model.faces, model.v_template)[0][row, column]
    kinds = np.asarray(warps.KINDS)
    kind_there = kinds[pictures.labels(reference, model.labels)][0][row, column]
    pixels, _ = cameras.project(view, vertices)
    a, b, c = (pixels[model.faces[:, i]] for i in range(3))
    turned = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0
    inside = gbuffers.covered(target)
    valid = inside & in_image & gbuffers.covered(reference)[0][row, column]
    valid &= np.linalg.norm(here - there, axis=-1) < limit
    valid &= kinds[pictures.labels(target, model.labels)] == kind_there
    return uv, valid & turned[np.where(inside, target.face_index, 0)]


def test_covered_pixels_alone_give_what_whole_pictures_give(model, scene, surface):
    tables, vertices, view, gbuffer = scene
    found = lookup.look_up(tables, surface, gbuffer)
    uv, valid = plain(model, vertices, view, frames(gbuffer, 0, 1), gbuffer)
    inside = gbuffers.covered(gbuffer)
    dense = gbuffers.pack_dense(pictures.interpolate(gbuffer, model.faces, gbuffers.canonical(model)))
    assert np.abs(found.dense.astype(int) - dense)[inside].max() <= 1
    np.testing.assert_array_equal(found.label, pictures.labels(gbuffer, model.labels))
    error = np.abs(lookup.coordinates(found) - np.clip(uv, 0, SIZE))[inside]
    assert error.max() < 0.51 * SIZE / lookup.STEPS + 1e-4
    assert (found.warp_mask != valid).sum() <= 2
    assert 0.3 < valid[inside].mean() < 0.99
    for values in (found.dense, found.label, found.warp_uv, found.warp_mask):
        assert not values[~inside].any()
    np.testing.assert_array_equal(surface.anchor.dense, found.dense[0])
    np.testing.assert_array_equal(surface.anchor.label, found.label[0])


@pytest.mark.parametrize("size", [24, 48])
def test_large_pixels_are_judged_as_whole_pictures_are(model, size):
    """Pixels of 39 and 20 mm: the limit follows the depth of each."""
    tables, vertices, view, gbuffer = scene_of(model, size)
    found = lookup.look_up(tables, surface_of(tables, vertices, view, frames(gbuffer, 0, 1)), gbuffer)
    _, valid = plain(model, vertices, view, frames(gbuffer, 0, 1), gbuffer)
    assert (found.warp_mask != valid).sum() <= 2
    assert 0.3 < valid[gbuffers.covered(gbuffer)].mean() < 0.99


def test_only_small_integers_leave_a_loader(scene, surface):
    tables, _, _, gbuffer = scene
    found = lookup.look_up(tables, surface, gbuffer)
    bytes_a_pixel = 0
    for record in (found, surface.anchor):
        for field in dataclasses.fields(record):
            values = getattr(record, field.name)
            assert type(values) is np.ndarray and values.dtype in (np.uint8, np.uint16), field.name
            assert values.flags.c_contiguous
            bytes_a_pixel += values.nbytes // (5 * SIZE**2 if record is found else SIZE**2)
    assert bytes_a_pixel == 12 + 11
    assert set(np.unique(found.warp_mask)) == {0, 1}


def test_frames_do_not_depend_on_their_company(scene, surface):
    tables, _, _, gbuffer = scene
    together = lookup.look_up(tables, surface, gbuffer)
    for i in range(5):
        alone = lookup.look_up(tables, surface, frames(gbuffer, i, i + 1))
        jax.tree.map(
            lambda one, all_of_them, i=i: np.testing.assert_array_equal(one[0], all_of_them[i]), alone, together
        )


def test_jax_looks_up_what_numpy_looks_up(scene, surface):
    tables, _, _, gbuffer = scene
    ours = lookup.look_up(tables, surface, gbuffer)
    on_device = jax.tree.map(jnp.asarray, gbuffer)
    traced = jax.tree.map(np.asarray, jax.jit(lookup.look_up)(tables, surface, on_device))
    np.testing.assert_array_equal(ours.label, traced.label)
    for name in ("dense", "warp_uv"):
        one, other = getattr(ours, name), getattr(traced, name)
        assert one.dtype == other.dtype == np.uint16
        assert np.abs(one.astype(int) - other).max() <= 1, "a step, where rounding is a tie but for the last bit"
    assert traced.warp_mask.dtype == np.uint8
    assert (ours.warp_mask != traced.warp_mask).sum() <= 3


def test_frames_without_a_body_are_empty(scene, surface):
    tables, _, _, gbuffer = scene
    empty = GBuffer(face_index=np.full_like(gbuffer.face_index, 65535), bary=np.zeros_like(gbuffer.bary))
    assert not any(values.any() for values in jax.tree.leaves(lookup.look_up(tables, surface, empty)))


TRIANGLE = np.array([[-0.4, -0.3, 0], [0.4, -0.3, 0], [-0.1, 0.5, 0]], np.float32)


def triangle():
    """One face that the target sees from in front, and how the reference saw it: turned, nearer, off to a side."""
    tables = lookup.Tables(
        faces=np.array([[0, 1, 2]], np.int32),
        dense=TRIANGLE / np.float32(0.5),
        labels=np.array([names.LABELS.index("torso")], np.int32),
        extent=gbuffers.Extent(centre=np.zeros(3, np.float32), scale=np.asarray(0.5, np.float32)),
    )
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32)
    return tables, turn, TRIANGLE @ turn.T + np.array([0.1, -0.05, -1.6], np.float32)


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_one_triangle_in_closed_form(shift):
    """Each pixel's ray meets the triangle's plane in a point; that point, moved as the reference was, is projected.

    A shifted reference sees a part of it only: what is beyond its picture is moved to the edge, and not valid.
    """
    tables, turn, posed = triangle()
    view = cameras.from_focal(120.0, (96, 96))
    reference_view = cameras.from_focal(120.0, (96, 96), (48.0 + shift, 48.0))
    target = figure.on_host(gbuffers.render((TRIANGLE + np.float32([0, 0, -2]))[None], tables.faces, view))
    gbuffer = figure.on_host(gbuffers.render(posed[None], tables.faces, reference_view))
    found = lookup.look_up(tables, surface_of(tables, posed, reference_view, gbuffer), target)
    y, x = np.mgrid[:96, :96] + 0.5
    point = np.stack([(x - 48) * 2 / 120, -(y - 48) * 2 / 120, 0 * x], axis=-1)
    moved = point @ turn.T.astype(np.float64) + [0.1, -0.05, -1.6]
    true = np.stack([48 + shift - 120 * moved[..., 0] / moved[..., 2], 48 + 120 * moved[..., 1] / moved[..., 2]], -1)
    inside = gbuffers.covered(target)[0]
    assert inside.sum() > 1000
    # Weights are stored in 255 steps, so a point is known to half a step of the face's sides.
    step = np.linalg.norm(TRIANGLE[1] - TRIANGLE[0]) / 255
    assert np.abs(gbuffers.metres(found.dense[0], tables.extent) - point)[inside].max() < step
    assert np.abs(lookup.coordinates(found)[0] - np.clip(true, 0, 96))[inside].max() < 120 * step / 1.4
    clear = 1.0
    well_inside = ((true > clear) & (true < 96 - clear)).all(axis=-1)
    column, row = np.clip(np.floor(true), 0, 95).astype(int).transpose(2, 0, 1)
    outside = ~((true > -clear) & (true < 96 + clear)).all(axis=-1)
    valid = found.warp_mask[0] > 0
    shown = gbuffers.covered(gbuffer)[0][row, column]
    # Pixels are 13 mm here: the middle of a slanted one may be beyond the tolerance from its corner.
    assert valid[inside & well_inside & shown].mean() > 0.97 and not valid[inside & outside].any()
    assert (inside & outside).any() == (shift > 0)


def facing(depth, focal, shift=0.0):
    """The triangle squarely before a camera `shift` pixels off, both ways: its tables, vertices, camera, G-buffer."""
    tables, posed = triangle()[0], TRIANGLE + np.float32([0, 0, -depth])
    view = cameras.from_focal(focal, (96, 96), (48.0 + shift, 48.0 + shift))
    return tables, posed, view, figure.on_host(gbuffers.render(posed[None], tables.faces, view))


@pytest.mark.parametrize("shift", [0.4, -0.4])
def test_a_body_at_rest_seen_from_a_fraction_of_a_pixel_aside_is_valid(shift):
    """Pixels of 20 mm, so points 11 mm aside of the pixel that shows them; weights in 255 steps add up to 2."""
    tables, posed, view, gbuffer = facing(2.0, 100.0, shift)
    target = facing(2.0, 100.0)[3]
    found = lookup.look_up(tables, surface_of(tables, posed, view, gbuffer), target)
    shown = gbuffers.covered(gbuffer) & gbuffers.covered(target)
    assert shown.sum() > 300 and found.warp_mask[shown].all()


@pytest.mark.parametrize(
    ("depth", "focal", "millimetres"),
    [
        (2.0, 100.0, 14.2),
        (4.0, 100.0, 28.4),
        (2.0, 50.0, 28.4),
        (1.0, 100.0, 10.0),
        (2.0, 400.0, 10.0),
    ],
)
def test_how_far_the_reference_may_be_off(depth, focal, millimetres):
    """A reference that shows each point as many metres aside on the body: valid up to the limit, and no farther."""
    tables, posed, view, gbuffer = facing(depth, focal)
    surface = surface_of(tables, posed, view, gbuffer)
    for off in (millimetres - 0.2, millimetres + 0.2):
        steps = round(off / 1000 / float(gbuffers.quantum(tables.extent)))
        aside = np.where(surface.anchor.label[..., None] > 0, surface.anchor.dense + np.uint16([steps, 0, 0]), 0)
        other = dataclasses.replace(surface, anchor=dataclasses.replace(surface.anchor, dense=aside.astype(np.uint16)))
        valid = lookup.look_up(tables, other, gbuffer).warp_mask[gbuffers.covered(gbuffer)]
        assert len(valid) > 80 and (valid > 0).mean() == (off < millimetres)


def test_what_the_reference_sees_from_behind_is_not_valid():
    tables, _, posed = triangle()
    view = cameras.from_focal(120.0, (96, 96))
    gbuffer = figure.on_host(gbuffers.render(posed[None], tables.faces, view))
    anchor = lookup.anchor(tables, gbuffer)
    mirrored = posed * np.float32([-1, 1, 1])
    for vertices, seen in ((posed, True), (mirrored, False)):
        surface = lookup.Surface(anchor=anchor, vertices=vertices, camera=view)
        assert lookup.look_up(tables, surface, gbuffer).warp_mask.any() == seen


def test_the_references_background_shows_no_point_of_the_body():
    """Not even the one whose `dense` is 0, as the background's is."""
    tables, _, posed = triangle()
    corner = dataclasses.replace(tables, dense=np.full((3, 3), -1, np.float32))
    view = cameras.from_focal(120.0, (96, 96))
    target = figure.on_host(gbuffers.render(posed[None], tables.faces, view))
    seen = gbuffers.covered(target) & (np.arange(96) < 48)
    half = GBuffer(face_index=np.where(seen, target.face_index, 65535).astype(np.uint16), bary=target.bary)
    found = lookup.look_up(corner, surface_of(corner, posed, view, half), target)
    assert not found.dense.any() and not found.warp_mask[:, :, 49:].any()
    assert found.warp_mask[:, :, :47][seen[:, :, :47]].all()


def test_references_and_targets_that_cannot_be(scene, surface):
    tables, vertices, view, gbuffer = scene
    first = frames(gbuffer, 0, 1)
    empty = GBuffer(face_index=np.full_like(first.face_index, 65535), bary=first.bary)
    other = GBuffer(face_index=np.full_like(first.face_index, 60000), bary=first.bary)
    for wrong, match in ((gbuffer, "one frame"), (empty, "no body"), (other, "does not have")):
        with pytest.raises(UserError, match=match):
            lookup.anchor(tables, wrong)
    small = GBuffer(face_index=first.face_index[:, ::2, ::2], bary=first.bary[:, ::2, ::2])
    small_surface = surface_of(tables, vertices, view, small)
    for wrong, where, match in (
        (small, surface, "one size"),
        (first, small_surface, "one size"),
        (other, surface, "does not have"),
    ):
        with pytest.raises(UserError, match=match):
            lookup.look_up(tables, where, wrong)
