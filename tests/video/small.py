"""A UNet small enough to compile in seconds: two levels, attention at the lower one."""

from functools import partial

import jax
import numpy as np

from tests.nn.sharded import normal, parameters
from vlogger_jax.core.functional import Network
from vlogger_jax.video.layout import HeadWidth, Model
from vlogger_jax.video.unet import UNet

__all__ = ["SIZE", "jitted", "model", "network", "normal", "parameters", "times"]

SIZE = 8

# Compiled for speed, the same sums are rounded otherwise where something is added to them later on, be it 0. It also
# takes four times as long to compile.
jitted = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def model(**changes) -> Model:
    usual = dict(
        size=SIZE,
        c_in=3,
        c_out=6,
        channels=8,
        multipliers=(1, 2),
        blocks=1,
        attention=(4,),
        heads=HeadWidth(channels=4),
        groups=4,
    )
    return Model(**{**usual, **changes})


def network(**changes) -> Network:
    return Network(partial(UNet, model(**changes)))


def times(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(size=shape).astype(np.float32)
