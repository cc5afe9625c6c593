"""What is measured now and then is what the stage says, not only what its training tells."""

import dataclasses

import jax
import jax.numpy as jnp

from configs import toy_ar1
from launch import evaluations, program
from vlogger_jax import stages


def test_validation_measures_what_the_stage_wants_measured():
    config = toy_ar1.get_config("")
    config.mesh.data, config.eval.batches, config.eval.samples = 1, 1, 0
    stage = stages.build(config)

    def validate(trainable, frozen, batch, draw):
        losses, metrics = stage.loss_fn(trainable, frozen, batch, draw)
        return losses, {**metrics, "watched": jnp.full_like(losses, 7.0)}

    found = []
    for each in (stage, dataclasses.replace(stage, validate=validate)):
        made = program.build(config, jax.devices()[:1], each)
        with jax.set_mesh(made.mesh):
            state, frozen = made.init()
            [evaluate] = evaluations.of(evaluations.read(config, made), config, made, frozen)
            found.append(evaluate(state))
    without, beside = found
    assert beside == {**without, "validation/watched": 7.0} and "validation/watched" not in without
