"""Rows of benchmarks.video_presets are what they say."""

import dataclasses

import pytest

from benchmarks import video_presets
from vlogger_jax import filming
from vlogger_jax.diffusion.recipe import Recipe

BASE = dict(schedule="linear", prediction="x0", steps=12)


@pytest.mark.parametrize("name", video_presets.VARIED)
def test_what_is_varied_can_be_and_is_another(name):
    preset, changes = video_presets.VARIED[name]
    given = filming.PRESETS[preset]
    recipe = Recipe.of({**BASE, **given.base, **changes}, conditions=1)
    usual = Recipe.of({**BASE, **given.base}, conditions=1)
    sampler = recipe.sampler
    assert "scales" not in changes or sampler.guidance.scales == changes["scales"] != usual.sampler.guidance.scales
    assert "steps" not in changes or sampler.grid.steps == changes["steps"] != usual.sampler.grid.steps
    assert "temperature" not in changes or sampler.temperature == changes["temperature"]
    assert dataclasses.replace(given, base={**given.base, **changes}).overlap == given.overlap
