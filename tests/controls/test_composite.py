"""Filling, background, flow beyond the body, and the composite as a baseline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from docs.figures import controls as figure
from vlogger_jax.body import model_file, names
from vlogger_jax.controls import composite as composites
from vlogger_jax.controls import grid
from vlogger_jax.controls import warp as warps


@pytest.fixture(scope="module")
def made():
    return figure.make(model_file.default())


@settings(max_examples=25)
@given(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=33), st.integers(0, 1000))
def test_filling_keeps_what_is_known_and_stays_within_it(shape, seed):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-3, 5, (*shape, 2)).astype(np.float32)
    known = rng.uniform(size=shape) < 0.3
    filled = composites.fill(values, known.astype(np.float32))
    np.testing.assert_allclose(filled[known], values[known], rtol=1e-5, atol=1e-5)
    if known.any():
        low, high = values[known].min(axis=0) - 1e-4, values[known].max(axis=0) + 1e-4
        assert ((filled >= low) & (filled <= high)).all()
    else:
        assert (filled == 0).all()


def test_filling_a_hole_in_a_ramp_gives_the_ramp():
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], (64, 64, 1))
    known = np.ones((64, 64), np.float32)
    known[24:40, 24:40] = 0
    assert np.abs(composites.fill(ramp, known) - ramp).max() < 0.08


def test_the_background_has_no_person_in_it(made):
    frames, mattes, _ = made
    alpha = mattes[0] / 255
    behind = composites.background(frames[0].astype(np.float32), alpha.astype(np.float32))
    away = grid.dilate(alpha, 3) == 0
    np.testing.assert_allclose(behind[away], frames[0][away], atol=1e-3)
    red = behind[..., 0] - behind[..., 1:].mean(axis=-1)
    assert red[alpha > 0.5].max() < 25, "the shirt is red, the wall is not"


def test_unmoved_the_composite_is_the_reference(made):
    frames, mattes, controls = made
    error = np.abs(controls.composite[0].astype(int) - frames[0])
    assert error.mean() < 1.5
    outline = (mattes[0] > 0) & (mattes[0] < 255)
    assert error[~outline].mean() < 0.8


def test_hair_and_clothes_move_with_the_body(made):
    """The matte of the composite covers the true person, hair and sleeves included, and leaves no ghosts."""
    _, mattes, controls = made
    for true, found in zip(mattes[1:] > 127, controls.matte[1:] > 127, strict=True):
        assert (true & found).sum() / (true | found).sum() > 0.93
        assert (found & ~grid.dilate(true, 6)).sum() < 0.002 * true.sum()


def test_what_hung_on_an_arm_goes_with_it(made):
    """Frame 2 raises the left arm: where it hung, below the elbow and clear of the body, next to nothing is left."""
    _, mattes, controls = made
    left = ~grid.dilate(mattes[2] > 0, 4) & (mattes[0] > 0)
    assert left.sum() > 200
    assert (controls.matte[2][left] > 8).sum() <= 0.01 * left.sum()


def test_a_raised_hand_that_the_reference_hides_is_skin(made):
    """The reference's hands are off the picture and its shirt is red; the hand before it must not be."""
    frames, _, controls = made
    for index in (2, 3):
        hand = controls.label[index] == 15
        assert hand.sum() > 300
        found, true = (image[index][hand].mean(axis=0) for image in (controls.composite, frames))
        assert np.abs(found - true).max() < 40


def test_the_composite_beats_not_moving(made):
    """On the whole person, disoccluded parts and all, and by far on what the reference shows."""
    frames, mattes, controls = made
    parts = zip(frames[1:], mattes[1:], controls.composite[1:], controls.warp_mask[1:], strict=True)
    for frame, matte, composite, valid in parts:
        person = (matte > 0) | (mattes[0] > 0)
        for where, share in ((person, 0.97), (person & valid, 0.4)):
            static = ((frames[0].astype(float) - frame)[where] ** 2).mean()
            moved = ((composite.astype(float) - frame)[where] ** 2).mean()
            assert moved < share * static


def test_flow_beyond_the_body_is_a_translation_where_the_body_translates():
    """A disc that moves by (7, -3): everything around it comes from 7 px to the left and 3 px below."""
    y, x = np.mgrid[:64, :64]
    reference = (x - 25) ** 2 + (y - 33) ** 2 < 100
    body = (x - 32) ** 2 + (y - 30) ** 2 < 100
    uv = np.stack([x + 0.5 - 7, y + 0.5 + 3], axis=-1).astype(np.float32)
    part = np.zeros((64, 64, composites.PARTS), np.float32)
    part[..., 0] = body
    extended = composites.extend(uv * body[..., None], part, composites.outline(reference))
    np.testing.assert_allclose(extended[body], uv[body])
    ring = grid.dilate(body, 4) & ~body
    # The reference's outline is whole pixels, so flow on it is exact to about one.
    assert np.abs(extended - uv)[ring].max() < 1.6
    assert np.abs(extended - uv)[ring].mean() < 1.1


def test_enlarged_flow_keeps_the_jump_between_parts():
    uv = np.stack(np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5), axis=-1).astype(np.float32)
    uv[:, 4:, 0] += 20
    large = composites.enlarge(uv, 4)
    centres = np.stack(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5), axis=-1)
    flow = (large - centres)[..., 0]
    assert set(np.unique(flow.round(3))) == {0.0, 80.0}


def test_the_outline_is_the_nearest_pixel_off_the_body():
    body = np.zeros((9, 40), bool)
    body[:, 10:20] = True
    found = composites.outline(body)
    assert found.dtype == np.uint16
    row, column = np.indices(body.shape)
    nearest = np.where(body, np.where(column < 15, 9, 20), column)
    np.testing.assert_array_equal(found, np.stack([nearest, row], axis=-1))
    full = composites.outline(np.ones((3, 4), bool))
    np.testing.assert_array_equal(full, np.indices((3, 4))[::-1].transpose(1, 2, 0))


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_enlarging_is_linear_between_centres_with_edges_extended(times):
    values = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    found = grid.enlarge(values, times)
    row, column = (np.clip((np.arange(n * times) + 0.5) / times - 0.5, 0, n - 1) for n in (4, 5))
    where = np.stack(np.meshgrid(column + 0.5, row + 0.5), axis=-1).astype(np.float32)
    for image, large in zip(values, found, strict=True):
        np.testing.assert_allclose(large, warps.sample(image, where), atol=1e-6)


@pytest.mark.parametrize("steps", [0, 1, 3, 9])
def test_dilation_is_the_largest_within_a_square(steps):
    values = np.random.default_rng(1).normal(size=(2, 6, 5))
    found = grid.dilate(values, steps)
    for i, j in np.ndindex(6, 5):
        near = values[:, max(i - steps, 0) : i + steps + 1, max(j - steps, 0) : j + steps + 1]
        np.testing.assert_array_equal(found[:, i, j], near.max(axis=(1, 2)))


def test_grid_operations():
    values = np.arange(24, dtype=np.float32).reshape(4, 6, 1)
    np.testing.assert_allclose(grid.mean(values, (2, 3))[0, 0, 0], np.mean([0, 1, 6, 7]))
    np.testing.assert_allclose(grid.mean(values, (4, 4))[0, :, 0], [1 / 3, 5 / 3, 10 / 3, 14 / 3])
    np.testing.assert_allclose(grid.halve(values)[1, 2, 0], 16 + 17 + 22 + 23)
    assert grid.halve(np.ones((3, 5, 1), np.float32)).sum() == 15
    np.testing.assert_allclose(grid.mean(grid.enlarge(np.full((3, 3, 1), 2.5, np.float32), 4), (5, 7)), 2.5, rtol=1e-6)
    where = np.zeros((4, 6), bool)
    where[0, 1] = True
    found = grid.mean_where(values, where, (2, 3))
    assert found[0, 0, 0] == 1 and found[1, 1, 0] == 0
    labels = np.array([[1, 1, 2, 3], [0, 1, 3, 3]])
    np.testing.assert_array_equal(grid.majority(labels, (1, 2), 18), [[1, 3]])
    np.testing.assert_array_equal(grid.majority(np.array([[0, 0], [0, 7]]), (1, 1), 18), [[7]])
    np.testing.assert_array_equal(grid.majority(np.zeros((2, 2), int), (1, 1), 18), [[0]])
    grown = grid.dilate(np.eye(5, dtype=bool)[2:3].repeat(1, axis=0), 1)
    np.testing.assert_array_equal(grown, [[False, True, True, True, False]])


def test_a_mouth_that_the_reference_keeps_shut_opens_dark_with_teeth_and_tongue():
    """The insides take the colours that they have in anybody; the skin around them is untouched."""
    label = np.zeros((1, 8, 8), np.int32) + names.LABELS.index("face skin")
    insides = ("upper teeth", "tongue", "mouth cavity")
    for column, name in enumerate(insides):
        label[0, 4, column] = names.LABELS.index(name)
    place = np.zeros((1, 8, 8, 3), np.float32)
    valid = label == names.LABELS.index("face skin")
    image = np.full((8, 8, 3), (200.0, 150.0, 120.0), np.float32)
    uv = grid.centres(8, 8, np.zeros((), np.float32))[None]
    whole, nowhere = np.ones((8, 8), np.float32), np.zeros((8, 8, 3), np.float32)
    sampled = warps.sample(composites.layers(image, whole, whole.astype(bool), nowhere), uv)
    colour, _ = composites.compose(sampled, image, uv, composites.parts(label, place), label, valid, place)
    np.testing.assert_allclose(colour[valid], np.broadcast_to(image, colour.shape)[valid], rtol=1e-5)
    teeth, tongue, cavity = (colour[0, 4, column] for column in range(3))
    np.testing.assert_allclose(teeth, image[0, 0] * composites.INSIDES["upper teeth"], rtol=1e-5)
    assert teeth.sum() > image[0, 0].sum() > tongue.sum() > cavity.sum() and cavity.max() < 60


@pytest.mark.parametrize(("shift", "stays"), [(1.0, 1.0), (6.0, 0.0)])
def test_cloth_between_two_parts_stays_where_little_moves_and_is_not_left_behind_where_much_does(shift, stays):
    """Right of the body hangs cloth that the reference shows next to another part, a metre away on the body."""
    body = np.zeros((64, 64), bool)
    body[:, :20] = True
    label = body[None] * names.LABELS.index("torso")
    place = body[None, ..., None] * np.zeros(3, np.float32)
    uv = grid.centres(64, 64, np.zeros((), np.float32))[None] + np.float32([shift, 0])
    image, black = np.full((64, 64, 3), 200.0, np.float32), np.zeros((64, 64, 3), np.float32)
    elsewhere = np.ones((64, 64, 3), np.float32)
    # The reference's body is elsewhere: a metre away on the body, all over the picture.
    layers = composites.layers(image, np.ones((64, 64), np.float32), np.ones((64, 64), bool), elsewhere)
    layers[..., 4] = 1.0
    _, coverage = composites.compose(
        *(warps.sample(layers, uv), black, uv, composites.parts(label, place), label, label > 0, place)
    )
    np.testing.assert_allclose(coverage[0, :, 30:50], stays)
