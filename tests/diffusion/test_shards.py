"""What one device computes, eight do: with the batch and the frames split, and with pictures that have no frames."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.diffusion import gaussians
from vlogger_jax.core.constrain import AXES, BATCH, CONTEXT
from vlogger_jax.core.draw import Draw
from vlogger_jax.diffusion import grid, mask, times
from vlogger_jax.diffusion.denoise import denoiser
from vlogger_jax.diffusion.noise import per_frame, per_sample
from vlogger_jax.diffusion.objective import Objective
from vlogger_jax.diffusion.outpaint import Replacement, draw_levels, loss_weight, prepare
from vlogger_jax.diffusion.prediction import Eps, V
from vlogger_jax.diffusion.sampler import sample
from vlogger_jax.diffusion.schedule import Cosine
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M
from vlogger_jax.diffusion.threshold import Dynamic, thresholded
from vlogger_jax.diffusion.variance import Hybrid
from vlogger_jax.diffusion.weighting import MinSnr, Uniform

CLIPS = jnp.asarray(np.random.default_rng(0).standard_normal((4, 8, 2, 2, 3)), jnp.float32)
DRAW = Draw.of(jax.random.key(0), 4)
GAIN = jnp.float32(0.7)
SCHEDULE = Cosine(-10, 10)
SLOW = partial(pytest.param, marks=pytest.mark.slow)


def shared(function, shape, framed, framed_result):
    """`function` of (params, x0, draw) with the batch and, where they are framed, x0 and the result split."""
    mesh = jax.make_mesh((shape[0], 1, shape[1]), AXES, axis_types=(jax.sharding.AxisType.Auto,) * 3)
    frames, samples = jax.P(BATCH, CONTEXT), jax.P(BATCH)
    inside = jax.shard_map(
        lambda params, x0, key, number: function(params, x0, Draw(key, number, DRAW.batch)),
        mesh=mesh,
        in_specs=(jax.P(), frames if framed else samples, jax.P(), samples),
        out_specs=frames if framed_result else samples,
    )
    return lambda params, x0, draw: inside(params, x0, draw.key, draw.number)


def one_and_many(function, shape, x0=CLIPS, framed=True, framed_result=True):
    """What `function` gives on one device, and on `shape` of them."""
    many = shared(function, shape, framed, framed_result)
    return jax.jit(function)(GAIN, x0, DRAW), jax.jit(many)(GAIN, x0, DRAW)


def drawn(x0, draw):
    """All that training draws of a clip."""
    known = mask.FrameMasks()(draw.named("mask"), x0.shape[1])
    level = draw_levels(draw.named("level"))
    return (
        draw.named("noise").normal_frames(x0),
        draw.named("time").of_batch(times.stratified),
        known,
        prepare(x0, known, level, draw.named("context").normal_frames(x0)),
    )


@pytest.mark.parametrize(("shape", "masked"), [((2, 4), True), SLOW((1, 8), True), SLOW((4, 2), False)])
def test_the_loss_and_its_gradient(shape, masked):
    objective = Objective(SCHEDULE, V(), MinSnr())

    def loss(gain, x0, draw):
        noise, t, known, context = drawn(x0, draw)
        return objective(
            lambda x, t: gain * x + context.known,
            x0,
            noise,
            t,
            loss_weight(known) if masked else None,
        )

    one, many = one_and_many(loss, shape, framed_result=False)
    np.testing.assert_allclose(many, one, rtol=1e-5)

    def gradient(loss):
        return jax.jit(jax.grad(lambda gain: loss(gain, CLIPS, DRAW).mean()))(GAIN)

    np.testing.assert_allclose(gradient(shared(loss, shape, True, False)), gradient(loss), rtol=1e-5)


def test_the_loss_of_learned_variances():
    hybrid = Hybrid(Objective(SCHEDULE, Eps(), Uniform(Eps())), 100)

    def loss(gain, x0, draw):
        noise, t, known, _ = drawn(x0, draw)
        return hybrid(
            lambda x, t: jnp.concatenate([gain * x, jnp.tanh(x)], axis=-1),
            x0,
            noise,
            t,
            loss_weight(known),
        )

    np.testing.assert_allclose(*one_and_many(loss, (2, 4), framed_result=False), rtol=1e-4)


def test_masks_are_the_same():
    def masks(gain, x0, draw):
        known = mask.FrameMasks()(draw, x0.shape[1])
        boxes = mask.outside_boxes(mask.random_boxes(draw.named("box")), (6, 6))
        boxes = jnp.broadcast_to(boxes[:, None], (*known.shape, 6, 6))
        known = mask.mixed(draw.named("kind"), known, boxes, 0.5)
        return 1.0 * jnp.stack([known, mask.drop_patches(draw.named("patch"), known, 2, 0.3)], axis=2)

    one, many = one_and_many(masks, (2, 4))
    np.testing.assert_array_equal(many, one)
    assert 0.1 < one.mean() < 0.9


def test_the_threshold_is_of_the_whole_clip():
    one, many = one_and_many(lambda gain, x0, draw: Dynamic(0.9)(2 * x0), (2, 4))
    np.testing.assert_allclose(many, one, rtol=1e-6)


@pytest.mark.parametrize(("shape", "stepper"), [((2, 4), Ddpm()), SLOW((1, 8), Ddim(0.5)), SLOW((2, 4), DpmSolver2M())])
def test_outpainting(shape, stepper):
    """Everything at once: context, threshold, replacement, resampling."""
    path = grid.uniform_time(SCHEDULE, 5).to_clean().resampled(2)

    def outpaint(gain, x0, draw):
        _, _, known, context = drawn(x0, draw)
        network = denoiser(lambda x, t: gain * x - context.known, SCHEDULE, V())
        start = draw.named("start").normal_frames(x0)
        steps = Replacement(stepper, x0, known)
        return sample(thresholded(network, Dynamic(0.9)), path, steps, start, per_frame(draw.named("steps")))

    one, many = one_and_many(outpaint, shape)
    np.testing.assert_allclose(many, one, atol=1e-5)
    assert jnp.isfinite(one).all()


def test_pictures_have_no_frames():
    """Rows are not frames: [b, h, w, c] lies whole on each device of a clip."""
    objective = Objective(SCHEDULE, V(), MinSnr())

    def both(gain, x0, draw):
        start = draw.normal(x0)
        found = sample(
            gaussians.exact(SCHEDULE), grid.uniform_time(SCHEDULE, 4), Ddpm(), start, per_sample(draw.named("steps"))
        )
        return found, objective(lambda x, t: gain * x, x0, start, draw.uniform())

    one, many = one_and_many(both, (2, 4), CLIPS[:, 0], framed=False, framed_result=False)
    for found, expected in zip(many, one, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_step_and_every_frame_has_noise_of_its_own():
    like = jnp.zeros((4, 8, 3))
    for noise in (per_sample(DRAW), per_frame(DRAW)):
        numbers = np.stack([noise(i, like) for i in range(3)])
        assert len(np.unique(numbers)) == numbers.size
