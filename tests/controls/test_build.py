"""`Controls`: shapes, sizes, agreement of numpy and JAX, no device, full resolution, edit mask."""

import dataclasses
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from docs.figures import controls as figure
from docs.figures import poses, stand_in
from vlogger_jax.body import model_file, smplx
from vlogger_jax.controls import build, complete, edit_mask, grid, lookup
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, GBuffer

SIZE = figure.SIZE


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def scene(model):
    """(tables, reference, target of two frames, the reference's picture, its matte)."""
    view, vertices = figure.camera(), figure.posed_frames(model)[[0, 2]]
    picture, matte = stand_in.photograph(stand_in.make(model), vertices[0], view)
    target = figure.on_host(gbuffers.render(vertices, model.faces, view))
    first = GBuffer(face_index=target.face_index[:1], bary=target.bary[:1])
    tables = build.tables(model)
    return tables, build.reference(tables, picture, matte, first, vertices[0], view), target, picture, matte


@pytest.mark.parametrize("size", [256, 192, 128, 100, 64, 32])
def test_sizes_and_types(scene, size):
    tables, source, target, _, _ = scene
    found = build.build(tables, source, target, (size, size))
    assert found.dense.shape == (2, size, size, 3)
    for mask in (found.label > 0, found.matte > 127):
        assert 0.15 < mask.mean() < 0.6
    assert (found.warp[~found.warp_mask] == 0).all() and (found.warp_uv[~found.warp_mask] == 0).all()
    assert set(np.unique(found.label)) <= set(range(18))


def test_smaller_controls_are_box_means(scene):
    tables, source, target, _, picture_matte = scene
    whole, half = build.build(tables, source, target), build.build(tables, source, target, (128, 128))
    mean = grid.mean(whole.composite.astype(np.float32), (128, 128))
    assert np.abs(half.composite - mean).max() <= 1.0
    covered = gbuffers.covered(target)

    def boxes(values):
        return values.reshape(2, 128, 2, 128, 2, -1)

    def mean_where(values, where):
        weight = boxes(where.astype(np.float32))
        return (boxes(values) * weight).sum(axis=(2, 4)) / np.maximum(weight.sum(axis=(2, 4)), 1e-6)

    some = boxes(covered).any(axis=(2, 4, 5))
    dense = mean_where(gbuffers.unpack_dense(whole.dense), covered)
    np.testing.assert_allclose(gbuffers.unpack_dense(half.dense)[some], dense[some], atol=1e-4)
    assert (half.dense[~some] == 0).all()
    np.testing.assert_array_equal(half.label > 0, some)
    np.testing.assert_array_equal(half.warp_mask, boxes(whole.warp_mask).mean(axis=(2, 4, 5)) > 0.5)
    valid = half.warp_mask
    np.testing.assert_allclose(half.warp_uv[valid], mean_where(whole.warp_uv, whole.warp_mask)[valid], atol=1e-3)
    assert np.abs(half.warp[valid] - mean_where(whole.warp.astype(np.float32), whole.warp_mask)[valid]).max() <= 1.01
    assert np.abs(half.matte - boxes(whole.matte.astype(np.float32)).mean(axis=(2, 4))[..., 0]).max() <= 1.01
    outside = ~covered[0]
    assert np.abs(whole.matte[0].astype(int) - picture_matte)[outside].mean() < 4
    assert (whole.matte[covered] == 255).all()


@pytest.mark.parametrize("size", [(512, 512), (257, 128), (0, 0)])
def test_a_size_above_the_gbuffers_is_refused(scene, size):
    tables, source, target, _, _ = scene
    with pytest.raises(UserError, match="not above"):
        build.build(tables, source, target, size)


def test_a_reference_of_another_size_is_refused(scene, model):
    tables, source, target, picture, matte = scene
    small = GBuffer(face_index=target.face_index[:, ::2, ::2], bary=target.bary[:, ::2, ::2])
    with pytest.raises(UserError, match="one size"):
        build.build(tables, source, small)
    with pytest.raises(UserError, match="one size"):
        build.reference(tables, picture[::2], matte, target, source.surface.vertices, figure.camera())


def test_a_reference_that_cannot_be_one_is_refused(scene, model):
    tables, source, target, picture, matte = scene
    view, vertices = figure.camera(), source.surface.vertices
    first = GBuffer(face_index=target.face_index[:1], bary=target.bary[:1])
    empty = GBuffer(face_index=np.full_like(first.face_index, 65535), bary=np.zeros_like(first.bary))
    other = GBuffer(face_index=np.full_like(first.face_index, 60000), bary=first.bary)
    for gbuffer, match in ((target, "one frame"), (empty, "no body"), (other, "does not have")):
        with pytest.raises(UserError, match=match):
            build.reference(tables, picture, matte, gbuffer, vertices, view)
    with pytest.raises(UserError, match="does not have"):
        build.build(tables, source, other)


@pytest.mark.slow  # its three parts have quick tests of their own, each beside its module's
def test_jax_gives_what_numpy_gives(scene):
    tables, source, target, _, _ = scene
    ours = build.build(tables, source, target, (128, 128))
    quickly = {"xla_backend_optimization_level": 0}  # compiled in a third of the time
    compiled = jax.jit(build.build, static_argnums=3, compiler_options=quickly)
    traced = compiled(tables, source, jax.tree.map(jnp.asarray, target), (128, 128))
    for field in dataclasses.fields(ours):
        one, other = np.asarray(getattr(ours, field.name)), np.asarray(getattr(traced, field.name))
        assert one.dtype == other.dtype, field.name
        # A rounding apart at the edge of validity or of 0.5: never more than a few pixels. Integers may differ by 1.
        different = np.abs(one.astype(np.float64) - other) > (0.05 if one.dtype == np.float32 else 1.01)
        assert different.mean() < 2e-3, field.name


def test_no_device_is_opened():
    """A loader's process: any touch of a device fails, since the platform does not exist."""
    code = """
import numpy as np
from vlogger_jax.body import camera, model_file, smplx
from vlogger_jax.controls import build
from vlogger_jax.core.records import GBuffer
model = model_file.default()
vertices = smplx.pose(model, smplx.rest_motion(model)).vertices[0] - [0, 0, 2]
view = camera.from_focal(40.0, (32, 32))
target = GBuffer(face_index=np.full((2, 32, 32), 65535, np.uint16), bary=np.zeros((2, 32, 32, 2), np.uint8))
target.face_index[:, 8:20, 8:20] = 7
tables = build.tables(model)
first = GBuffer(face_index=target.face_index[:1], bary=target.bary[:1])
picture = np.zeros((32, 32, 3), np.uint8)
source = build.reference(tables, picture, picture[..., 0], first, vertices.astype(np.float32), view)
print(build.build(tables, source, target, (16, 16)).dense.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"JAX_PLATFORMS": "none_such", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 16, 16, 3)"


def test_the_full_resolution_composite_keeps_the_references_detail(model):
    """With twice the pixels the composite has the detail that enlarging the small one cannot have."""
    view = figure.camera()
    large_view = Camera(
        focal=np.asarray(view.focal * 2, np.float32),
        principal=(view.principal * 2).astype(np.float32),
        rotation=view.rotation,
        translation=view.translation,
        size=(2 * SIZE, 2 * SIZE),
    )
    vertices, person = figure.posed_frames(model)[[0, 1]], stand_in.make(model)
    large = [stand_in.photograph(person, body, large_view) for body in vertices]
    picture, matte = (grid.mean(large[0][k].reshape(512, 512, -1).astype(np.float32), (SIZE, SIZE)) for k in (0, 1))
    target = figure.on_host(gbuffers.render(vertices, model.faces, view))
    first = GBuffer(face_index=target.face_index[:1], bary=target.bary[:1])
    tables = build.tables(model)
    source = build.reference(
        tables, picture.round().astype(np.uint8), matte[..., 0].round().astype(np.uint8), first, vertices[0], view
    )
    looked_up = lookup.look_up(tables, source.surface, target)
    whole = complete.complete(complete.portrait(source.surface.anchor, tables.extent, *large[0]), looked_up)
    assert whole.composite.shape == (2, 512, 512, 3) and whole.matte.shape == (2, 512, 512)
    small = build.build(tables, source, target).composite
    enlarged = grid.enlarge(small.astype(np.float32), 2)
    valid = grid.repeat(build.build(tables, source, target).warp_mask[..., None], 2)[..., 0]
    for frame in (0, 1):
        true = large[frame][0].astype(np.float32)
        ours = np.abs(whole.composite[frame] - true)[valid[frame]].mean()
        theirs = np.abs(enlarged[frame] - true)[valid[frame]].mean()
        assert ours < 0.8 * theirs


def test_edit_mask_covers_what_moved_and_little_else(model):
    """A blink edits the lids; the mask holds every pixel whose picture changed, and is small."""
    view = figure.camera()

    def motion(expression):
        placed = np.array([[0, 0, -figure.DISTANCE]], np.float32)
        return dataclasses.replace(poses.make(model, poses.RELAXED_ARMS, expression), transl=placed)

    a, b = motion({}), motion({"jawOpen": 0.7})
    mask = np.asarray(edit_mask.edit_mask(model, a, b, view))[0]
    same = np.asarray(edit_mask.edit_mask(model, a, a, view))
    assert not same.any()
    assert 0.002 < mask.mean() < 0.05
    person = stand_in.make(model)
    before, after = (stand_in.photograph(person, smplx.pose(model, m).vertices[0], view)[0].astype(int) for m in (a, b))
    changed = np.abs(before - after).max(axis=-1) > 24
    assert changed.sum() > 50
    assert (changed & ~mask).sum() <= 0.05 * changed.sum(), "light changes a little beyond the faces that move"
