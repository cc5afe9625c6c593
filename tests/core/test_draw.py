"""Draws know the seed, the sample and the frame, and not how a batch is laid out."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vlogger_jax.core.constrain import BATCH, CONTEXT
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion import times
from vlogger_jax.parallel import mesh
from vlogger_jax.parallel.mesh import MeshConfig

SHAPES = [(1, 1, 1), (8, 1, 1), (2, 4, 1), (2, 2, 2), (1, 1, 8)]
BATCH_SIZE, FRAMES, WIDTH = 8, 16, 3


def like(b: int = BATCH_SIZE, t: int = FRAMES) -> np.ndarray:
    return np.zeros((b, t, WIDTH), np.float32)


@jax.jit
def draws(draw: Draw, frames: jax.Array) -> dict[str, jax.Array]:
    """Everything that can be drawn; `frames` [b, t, d]."""
    return {
        "uniform": draw.uniform(),
        "normal": draw.normal(frames[:, 0]),
        "normal_frames": draw.normal_frames(frames),
        "of_batch": draw.of_batch(times.stratified),
        "named": draw.named("other").uniform(),
        "at": draw.at(3).normal_frames(frames),
    }


@functools.lru_cache
def alone() -> dict[str, np.ndarray]:
    return jax.tree.map(np.asarray, draws(Draw.of(jax.random.key(1), BATCH_SIZE), like()))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_mesh_draws_the_same(shape: tuple[int, int, int]):
    """To the bit, in any order of the rows."""
    order = np.random.default_rng(0).permutation(BATCH_SIZE)

    def part(key: jax.Array, number: jax.Array, frames: jax.Array) -> dict[str, jax.Array]:
        return draws(Draw(key, number, BATCH_SIZE), frames)

    framed, samples = jax.P(BATCH, CONTEXT), jax.P(BATCH)
    specs = {name: framed if name in ("normal_frames", "at") else samples for name in alone()}
    devices = jax.devices()[: np.prod(shape)]
    with jax.set_mesh(mesh.make(MeshConfig(*shape), devices)):
        mapped = jax.shard_map(part, in_specs=(jax.P(), samples, framed), out_specs=specs)
        found = jax.jit(mapped)(jax.random.key(1), jnp.asarray(order), like())
    for name, expected in alone().items():
        np.testing.assert_array_equal(found[name], expected[order], err_msg=name)


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_draws_the_same(parts: int):
    for i in range(parts):
        number = jnp.arange(i, BATCH_SIZE, parts)
        found = draws(Draw(jax.random.key(1), number, BATCH_SIZE), like(BATCH_SIZE // parts))
        for name, expected in alone().items():
            np.testing.assert_array_equal(found[name], expected[i::parts], err_msg=name)


def test_a_longer_clip_begins_with_the_same_noise():
    draw = Draw.of(jax.random.key(1), BATCH_SIZE)
    np.testing.assert_array_equal(draw.normal_frames(like(t=24))[:, :FRAMES], alone()["normal_frames"])


def test_batches_of_other_sizes_draw_the_same_for_a_sample():
    found = Draw.of(jax.random.key(1), 3).normal_frames(like(3))
    np.testing.assert_array_equal(found, alone()["normal_frames"][:3])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return abs(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


@pytest.mark.parametrize("kind", ["normal", "normal_frames"])
def test_noise_is_standard_normal(kind: str):
    noise = np.asarray(getattr(Draw.of(jax.random.key(2), 64), kind)(np.zeros((64, 64, 16), np.float32)))
    error = 5 / np.sqrt(noise.size)  # five standard deviations of the mean; seeds are fixed
    assert abs(noise.mean()) < error
    assert abs(noise.var() - 1) < error * np.sqrt(2)
    assert abs((noise**3).mean()) < error * np.sqrt(15)
    assert abs((noise**4).mean() - 3) < error * np.sqrt(96)


def test_uniform_numbers_fill_their_interval():
    drawn = np.asarray(Draw.of(jax.random.key(2), 4096).uniform())
    assert drawn.min() >= 0 and drawn.max() < 1
    counts = np.histogram(drawn, 16, (0, 1))[0]
    assert ((counts - 256) ** 2 / 256).sum() < 37.7  # chi squared of 15, p = 0.001


def test_samples_frames_steps_and_names_are_independent():
    draw, zeros = Draw.of(jax.random.key(3), 64), np.zeros((64, 32, 8), np.float32)
    noise = np.asarray(draw.normal_frames(zeros))
    limit = 5 / np.sqrt(noise.size / 2)
    assert correlation(noise[1:], noise[:-1]) < limit
    assert correlation(noise[:, 1:], noise[:, :-1]) < limit
    for other in (draw.named("a"), draw.named("b"), draw.at(0), draw.at(1), Draw.of(jax.random.key(4), 64)):
        assert correlation(noise, other.normal_frames(zeros)) < limit
    assert correlation(draw.named("a").normal_frames(zeros), draw.named("b").normal_frames(zeros)) < limit
    assert correlation(draw.normal(zeros), noise) < limit


def test_names_can_be_told_apart_however_they_are_nested():
    draw = Draw.of(jax.random.key(0), 1)
    streams = [
        draw,
        draw.named("a"),
        draw.named("b"),
        draw.named("a").named("b"),
        draw.named("b").named("a"),
        draw.at(0),
    ]
    keys = {tuple(jax.random.key_data(stream.key).tolist()) for stream in streams}
    assert len(keys) == len(streams)


def test_dependent_draws_are_made_for_the_whole_batch():
    drawn = np.sort(np.asarray(Draw.of(jax.random.key(5), 16).of_batch(times.stratified)))
    np.testing.assert_array_equal(np.floor(drawn * 16), np.arange(16))


@pytest.mark.parametrize("given, drawn", [(jnp.bfloat16, jnp.float32), (jnp.float32, jnp.float32)])
def test_noise_has_at_least_the_digits_of_float32(given: jnp.dtype, drawn: jnp.dtype):
    draw = Draw.of(jax.random.key(0), 2)
    assert draw.normal(jnp.zeros((2, 3), given)).dtype == drawn
    assert draw.normal_frames(jnp.zeros((2, 3, 4), given)).dtype == drawn


def test_double_noise_for_double_arrays():
    with jax.enable_x64(True):
        assert Draw.of(jax.random.key(0), 2).normal(jnp.zeros((2, 3), jnp.float64)).dtype == jnp.float64


def test_a_draw_crosses_jit_and_its_batch_is_static():
    draw = Draw.of(jax.random.key(1), BATCH_SIZE)
    np.testing.assert_array_equal(jax.jit(lambda draw: draw.uniform())(draw), alone()["uniform"])
    leaves, structure = jax.tree.flatten(draw)
    assert len(leaves) == 2 and jax.tree.unflatten(structure, leaves).batch == BATCH_SIZE
