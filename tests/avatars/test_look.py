"""Looks: drawn purely and widely; and the closed forms of what shades them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.avatars.look import chart, colour, face_marks, light, paint, sample, shadow, skin, textures, waves
from vlogger_jax.body import model_file, names

MODEL = model_file.default()


def test_the_same_seed_gives_the_same_look():
    first, again, other = (sample.sample(np.random.default_rng(seed), MODEL) for seed in (5, 5, 6))
    for a, b in zip(*(jax.tree.leaves(look) for look in (first, again)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(a.shape == b.shape for a, b in zip(*(jax.tree.leaves(look) for look in (first, other)), strict=True))
    assert all(a.dtype == b.dtype for a, b in zip(*(jax.tree.leaves(look) for look in (first, other)), strict=True))
    drawn = [sample.drawn(look) for look in (first, again, other)]
    np.testing.assert_array_equal(drawn[0].atlas, drawn[1].atlas)
    np.testing.assert_array_equal(drawn[0].background, drawn[1].background)
    assert drawn[0].atlas.shape == drawn[2].atlas.shape
    assert (drawn[0].atlas != drawn[2].atlas).any()


def test_all_depths_of_skin_are_alike_common():
    tones = np.stack([skin.sample_tone(np.random.default_rng(seed)) for seed in range(600)]) @ colour.LUMA
    lightness = 116 * np.cbrt(tones) - 16
    counts, _ = np.histogram(lightness, bins=[24, 37, 50, 63, 80])
    assert counts.min() > 0.14 * 600
    assert counts.sum() > 0.95 * 600


def test_colours_round_trip():
    values = np.random.default_rng(0).random((64, 3)).astype(np.float32)
    np.testing.assert_allclose(colour.srgb(colour.linear(values)), values, atol=1e-5)
    np.testing.assert_allclose(colour.lab(np.array([53.389, 0.0, 0.0])), np.full(3, 0.2140), atol=2e-3)  # sRGB 0.5
    np.testing.assert_allclose(colour.hsv(1 / 3, 1.0, 1.0), [0, 1, 0], atol=1e-6)


def test_light_is_scaled_to_a_white_face():
    for seed in range(20):
        lights = light.sample(np.random.default_rng(seed))
        normals = np.array([(x, y, 1.0) for x in (-0.7, 0.0, 0.7) for y in (-0.3, 0.3)], np.float32)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        whole = jnp.ones(len(normals))
        received = light.diffuse(lights, normals, whole, whole) @ colour.LUMA
        assert float(received.mean()) == pytest.approx(1.0, rel=1e-4)


def test_shadow_takes_the_key_alone():
    lights = light.sample(np.random.default_rng(1))
    normal = np.asarray(lights.direction[light.KEY])[None]
    whole, none = jnp.ones(1), jnp.zeros(1)
    bright, dark = (np.asarray(light.diffuse(lights, normal, lit, whole))[0] for lit in (whole, none))
    np.testing.assert_allclose(bright - dark, lights.colour[light.KEY], rtol=1e-4, atol=1e-6)


def test_temperature_is_white_where_it_should_be():
    np.testing.assert_allclose(light.temperature(6500.0), np.ones(3), rtol=1e-6)
    warm, cold = light.temperature(3000.0), light.temperature(9000.0)
    assert warm[0] > 1 > warm[2]
    assert cold[0] < 1 < cold[2]
    assert warm @ colour.LUMA == pytest.approx(1.0)


def square(z: float, half: float) -> np.ndarray:
    return np.array([(-half, -half, z), (half, -half, z), (half, half, z), (-half, half, z)], np.float32)


def test_a_square_shades_what_is_behind_it():
    vertices = np.concatenate([square(0.0, 1.0), square(0.3, 0.25)])
    faces = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)])
    caster = shadow.cast(vertices, faces, jnp.ones(8, bool), jnp.array([0.0, 0.0, 1.0]))
    points = np.array([(0, 0, 0), (0.2, -0.2, 0), (0.6, 0, 0), (-0.5, 0.5, 0), (0, 0, 0.3), (0, 0, 0.5)], np.float32)
    up = np.tile(np.array([0, 0, 1], np.float32), (6, 1))
    np.testing.assert_allclose(shadow.lit(caster, points, up), [0, 0, 1, 1, 1, 1], atol=1e-6)
    edge = np.array([(x, 0, 0) for x in np.linspace(0.2, 0.3, 21)], np.float32)
    shade = np.asarray(shadow.lit(caster, edge, up[:1].repeat(21, 0)))
    assert (np.diff(shade) >= -1e-6).all()
    assert shade[10] == pytest.approx(0.5, abs=0.35)


def test_a_slanted_light_moves_the_shadow():
    x, y = np.meshgrid(np.linspace(-1, 1, 41, dtype=np.float32), np.linspace(-1, 1, 41, dtype=np.float32))
    floor = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    at = (41 * np.arange(40)[:, None] + np.arange(40)).ravel()
    faces = np.concatenate([np.stack([at, at + 1, at + 42], 1), np.stack([at, at + 42, at + 41], 1)])
    faces = np.concatenate([faces, len(floor) + np.array([(0, 1, 2), (0, 2, 3)])])
    vertices = np.concatenate([floor, square(0.3, 0.1)])
    direction = jnp.array([1.0, 0.0, 1.0]) / 2**0.5
    caster = shadow.cast(vertices, faces, jnp.ones(len(vertices), bool), direction)
    points = np.array([(0, 0, 0), (-0.3, 0, 0), (0.3, 0, 0)], np.float32)
    up = np.tile(np.array([0, 0, 1], np.float32), (3, 1))
    np.testing.assert_allclose(shadow.lit(caster, points, up), [1, 0, 1], atol=1e-6)


def test_waves_are_noise_of_unit_variance_that_fades():
    made = waves.draw(np.random.default_rng(0), 40, 0.002, 0.05)
    points = np.random.default_rng(1).uniform(-1, 1, (4000, 3)).astype(np.float32)
    mix = np.full((40, 1), 40**-0.5, np.float32)
    sharp, coarse = (waves.field(made, points, np.full(4000, size, np.float32), mix) for size in (0.0, 0.1))
    assert sharp.std() == pytest.approx(1.0, abs=0.05)
    assert abs(sharp.mean()) < 0.08
    assert coarse.std() < 0.05
    length = 2 * np.pi / np.linalg.norm(made.vector, axis=-1)
    assert length.min() >= 0.002
    assert length.max() <= 0.0501


def test_slope_is_the_gradient_of_the_relief():
    made = waves.draw(np.random.default_rng(2), 12, 0.01, 0.05)
    height = np.random.default_rng(3).normal(0, 1e-3, 12).astype(np.float64)
    here, none = np.random.default_rng(4).uniform(-0.1, 0.1, (5, 3)), np.zeros(5)

    def level(points: np.ndarray) -> np.ndarray:
        return np.cos(waves.angles(made, points)) @ height

    steps = [(level(here + e) - level(here - e)) / 2e-6 for e in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(waves.slope(made, here, none, height), np.stack(steps, axis=-1), rtol=1e-3, atol=1e-6)


def test_tilt_follows_the_surface():
    """A slope along x on a surface that faced z and was turned to face y leans the normal along the turned x."""
    rest, normal = np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 0.0]])
    flat = skin.tilt(jnp.asarray(normal), jnp.asarray(rest), jnp.zeros((1, 3)))
    np.testing.assert_allclose(flat, normal, atol=1e-6)
    leaned = skin.tilt(jnp.asarray(normal), jnp.asarray(rest), jnp.array([[0.5, 0.0, 0.0]]))
    np.testing.assert_allclose(leaned, np.array([[-0.5, 1.0, 0.0]]) / 1.25**0.5, atol=1e-6)


def test_nearest_point_of_a_line():
    line = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 2.0)])
    points = np.array([(0.5, 0.3), (1.4, 1.0), (-1.0, 0.0), (1.0, 3.0)], np.float32)
    offset, along = face_marks.nearest(jnp.asarray(line), jnp.asarray(points))
    np.testing.assert_allclose(offset, [(0, 0.3), (0.4, 0), (-1, 0), (0, 1)], atol=1e-6)
    np.testing.assert_allclose(along, [0.25, 0.75, 0.0, 1.0], atol=1e-6)


def test_marks_are_where_faces_have_them():
    shape = chart.of(MODEL)
    marks = face_marks.sample(np.random.default_rng(0))
    places = jnp.asarray(np.stack([shape.brow[2], shape.upper_lid[1], shape.nose[1]]))
    near = jnp.full(3, 0.0005)
    brow = np.asarray(face_marks.brows(marks, shape, places, near, jnp.zeros(3)))
    lash = np.asarray(face_marks.lash_line(marks, shape, places, near))
    assert brow[0] > 0.1
    assert brow[1:].max() == 0
    assert lash[1] > 0.1
    assert lash[[0, 2]].max() == 0
    assert len(face_marks.wrinkle_lines(shape)) == face_marks.WRINKLES == len(marks.wrinkle)


def test_masks_of_the_body():
    shape = chart.of(MODEL)
    masks = dict(zip(chart.MASKS, shape.masks.T, strict=True))
    assert shape.masks.min() >= 0
    assert shape.masks.max() <= 1.5
    labels, faces = np.asarray(MODEL.labels), np.asarray(MODEL.faces)

    def of(part: str) -> np.ndarray:
        return np.unique(faces[labels == names.LABELS.index(part)])

    assert masks["lips"][of("lips")].mean() > 0.7
    assert masks["scalp"][of("scalp")].mean() > 0.8
    assert masks["beard"][of("lips")].mean() < 0.1
    assert masks["nail"][of("face skin")].max() == 0
    assert masks["open"][of("mouth cavity")].mean() < 0.2
    assert np.median(masks["open"][of("scalp")]) > 0.8
    crown = MODEL.v_template[:, 1].argmax()
    assert masks["open"][crown] > 0.98


def test_a_print_covers_its_square_alone():
    points = np.array([[0.0, 0.0, 0.1]], np.float32)
    normals = np.array([[0.0, 0.0, 1.0]], np.float32)
    rng = np.random.default_rng(0)
    painted = paint.sample(rng, points, normals, blots=0.0, patches=1.0, size=(0.04, 0.041), layer=0, prints=(1,))
    white, red = np.ones((128, 128, 4), np.float32), np.tile(np.array([1, 0, 0, 1], np.float32), (128, 128, 1))
    atlas = jnp.asarray(textures.stack([white, red]).astype(np.float32) / 255)
    here = np.array([(0, 0, 0.1), (0.01, 0.01, 0.1), (0.06, 0, 0.1), (0, 0, 0.09)], np.float32)
    rest = np.array([(0, 0, 1), (0, 0, 1), (0, 0, 1), (0, 0, -1)], np.float32)
    base = jnp.full((4, 3), 0.5)
    found = np.asarray(paint.over(painted, atlas, base, here, rest, jnp.full(4, 1e-3)))
    np.testing.assert_allclose(found[:2], [[1, 0, 0]] * 2, atol=1e-5)
    np.testing.assert_allclose(found[2:], 0.5, atol=1e-6)
