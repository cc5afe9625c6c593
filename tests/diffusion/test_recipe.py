"""What the section `diffusion` of a config may say, and what is said of the rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from vlogger_jax.core.errors import UserError
from vlogger_jax.diffusion import table, times
from vlogger_jax.diffusion.denoise import Denoised
from vlogger_jax.diffusion.guidance import Nested
from vlogger_jax.diffusion.mask import FrameMasks
from vlogger_jax.diffusion.prediction import Eps, V
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.diffusion.schedule import Cosine, Linear, Shifted
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M, Large, Small
from vlogger_jax.diffusion.threshold import Clip, Dynamic
from vlogger_jax.diffusion.weighting import MinSnr, Sigmoid, Uniform

LEAST = dict(schedule="cosine", prediction="v", steps=4)


def made(**changes) -> Recipe:
    return Recipe.of({**LEAST, **changes}, conditions=1)


def test_defaults():
    recipe = made()
    assert recipe.objective.schedule == Cosine()
    assert recipe.objective.prediction == V()
    assert recipe.objective.weighting == Uniform(V())
    assert recipe.times is times.stratified
    assert recipe.masks == FrameMasks()
    assert recipe.sampler.stepper == DpmSolver2M()
    assert recipe.sampler.guidance == Nested((1.0,))
    assert recipe.sampler.grid.steps == 4
    assert recipe.sampler.grid.stop[-1] == np.inf
    assert recipe.sampler.threshold is None


def test_names_with_settings():
    section = dict(
        schedule=dict(name="shifted", schedule=dict(name="linear", last=10), ratio=2),
        prediction="eps",
        weighting=dict(name="min_snr", gamma=3),
        times="uniform",
        masks=dict(none=1, first=0, ends=0, random=0),
        sampler=dict(name="ddim", eta=0.5),
        grid="uniform_time",
        steps=7,
        scales=[2, 3.0],
        interval=(0.2, 0.8),
    )
    recipe = Recipe.of(ConfigDict(section), conditions=2)
    assert recipe.objective.schedule == Shifted(Linear(last=10), 2)
    assert recipe.objective.prediction == Eps()
    assert recipe.objective.weighting == MinSnr(3)
    assert recipe.times is times.uniform
    assert recipe.masks == FrameMasks(1, 0, 0, 0)
    assert recipe.sampler.stepper == Ddim(0.5)
    assert recipe.sampler.guidance == Nested((2.0, 3.0))
    np.testing.assert_allclose(recipe.sampler.grid.time, 1 - np.arange(7) / 7)


def test_other_names():
    assert made(weighting=dict(name="sigmoid", bias=-3)).objective.weighting == Sigmoid(-3)
    assert made(sampler="ddpm").sampler.stepper == Ddpm(Small())
    assert made(sampler=dict(name="ddpm", variance="large")).sampler.stepper == Ddpm(Large())
    assert made(threshold="clip").sampler.threshold == Clip()
    assert made(threshold=dict(name="dynamic", quantile=0.9)).sampler.threshold == Dynamic(0.9)
    np.testing.assert_array_equal(made(schedule="ddpm").objective.schedule.betas, table.linear().betas)
    np.testing.assert_array_equal(made(schedule="ddpm_cosine").objective.schedule.betas, table.cosine().betas)


def test_steps_of_a_table():
    grid = made(schedule="ddpm", grid="spaced", steps=10).sampler.grid
    np.testing.assert_array_equal(grid.time * 999, np.linspace(999, 0, 10))
    with pytest.raises(UserError, match="'spaced' is of steps that a table has"):
        made(grid="spaced")


def test_times_towards_noise():
    drawn = made(times=dict(name="towards_noise", share=0.8, start=0.5)).times
    t = np.asarray(drawn(jax.random.key(0), (1000,)))
    np.testing.assert_allclose((t > 0.5).mean(), 0.9, atol=0.003)
    assert (t[:10] != np.sort(t[:10])).any()
    assert drawn(jax.random.key(0), (4, 3)).shape == (4, 3)


def test_steps_are_taken_several_times():
    grid = made(grid="uniform_time", resampled=3).sampler.grid
    np.testing.assert_allclose(grid.time, [1, 1, 1, 0.75, 0.75, 0.75, 0.5, 0.5, 0.5, 0.25])
    assert grid.stop[-1] == np.inf


def test_the_threshold_is_of_all_that_is_denoised():
    def denoise(x, t, dropped):
        return Denoised(jnp.where(dropped[0], 0.0, 3.0) * x)

    x, t = jnp.ones((2, 1)), jnp.ones(2)
    for threshold, (outside, inside) in (("none", (3.0, 6.0)), (dict(name="clip", limit=2), (2.0, 2.0))):
        sampler = made(scales=(2.0,), interval=(0, 0.5), grid="uniform_time", threshold=threshold).sampler
        found = [float(span.denoise(x, t).x0[0, 0]) for span in sampler.spans(denoise)]
        assert found == [outside, inside]


def test_guidance_is_for_its_interval():
    def denoise(x, t, dropped):
        return Denoised(x)

    spans = made(scales=(2.0,), interval=(0.3, 0.8), grid="uniform_time").sampler.spans(denoise)
    assert [span.steps for span in spans] == [1, 2, 1]
    assert [span.steps for span in made(scales=(2.0,)).sampler.spans(denoise)] == [4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(schedule="sine"), r"config.diffusion.schedule is 'sine'. Name one of cosine, linear, ddpm"),
        (dict(schedule=3), "config.diffusion.schedule is 3"),
        (dict(schedule=dict(low=3)), "config.diffusion.schedule is {'low': 3}"),
        (dict(schedule=dict(name="cosine", lo=3)), r"unknown key 'lo'. Did you mean 'low'"),
        (dict(schedule=dict(name="shifted", schedule="cosine")), "lacks the key 'ratio'"),
        (dict(schedule=dict(name="shifted", schedule="x", ratio=2)), "config.diffusion.schedule.schedule is 'x'"),
        (dict(schedule=dict(name="ddpm", steps=3)), "unknown key 'steps'"),
        (dict(prediction="x"), "no prediction named 'x'"),
        (dict(weighting="p2"), "config.diffusion.weighting is 'p2'"),
        (dict(times="late"), "config.diffusion.times is 'late'"),
        (dict(sampler="heun"), "config.diffusion.sampler is 'heun'"),
        (dict(grid="dense"), "config.diffusion.grid is 'dense'"),
        (dict(steps=0), "steps 0"),
        (dict(drop=1.5), "drop 1.5"),
        (dict(context_noise=1.0), "context_noise 1.0"),
        (dict(resampled=0), "resampled 0"),
        (dict(interval=(0.8, 0.2)), r"config.diffusion.interval is \(0.8, 0.2\)"),
        (dict(interval=(-0.1, 0.2)), r"config.diffusion.interval is \(-0.1, 0.2\)"),
        (dict(interval=(0.2, 2)), r"config.diffusion.interval is \(0.2, 2.0\)"),
        (dict(masks=dict(none=-0.1)), r"shares of masks are \(-0.1, 0.4, 0.1, 0.1\)"),
        (dict(masks=dict(none=0, first=0, ends=0, random=0)), r"shares of masks are \(0, 0, 0, 0\)"),
        (dict(weighting=dict(name="min_snr", gamma=0)), "gamma 0"),
        (dict(schedule=dict(name="cosine", low=5, high=5)), "logsnr from 5 to 5"),
        (dict(schedule=dict(name="shifted", schedule="cosine", ratio=-1)), "the ratio -1"),
        (dict(sampler=dict(name="ddpm", variance="middle")), "config.diffusion.sampler.variance is 'middle'"),
        (dict(sampler=dict(name="ddim", variance="large")), "unknown key 'variance'"),
        (dict(sampler=dict(name="ddim", eta=-1)), "eta -1"),
        (dict(threshold="cut"), "config.diffusion.threshold is 'cut'. Name one of none, clip, dynamic"),
        (dict(threshold=dict(name="clip", limit=0)), "limit 0"),
        (dict(threshold=dict(name="dynamic", quantile=2)), "quantile 2"),
        (dict(times=dict(name="towards_noise", share=2)), "the share 2"),
        (dict(scales=()), "0 numbers for 1 condition"),
        (dict(guidance=2), "unknown key 'guidance'"),
        (dict(masks=dict(none="all")), "config.diffusion.masks.none"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        made(**changes)
