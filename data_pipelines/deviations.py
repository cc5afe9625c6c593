"""How far motion goes from a reference pose: what the motion network's numbers are divided by, measured."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Stream
from vlogger_jax import console
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.motion.packing import Packing

LEAST = 0.005
"""What hardly moves is not blown up."""

REPLACED = 20
"""Bad clips in a row, in whose place others are taken."""


def measured(
    clips: Sequence, body: BodyModel, windows: int, seed: int, report: console.Report, *, at_rest: bool = False
) -> dict[str, float]:
    """Root mean square of each packed part, over all frames of windows as the motion network is trained on.

    Args:
        clips: of the training split.
        body: of the clips.
        windows: how many, each with a reference of its own.
        report: is told which part is done, 0 to 1.
        at_rest: of the change of the rest pose at the origin, instead of the reference's.

    Raises:
        UserError: if `windows` is below 1, or clips cannot be read.
    """
    if windows < 1:
        raise UserError(f"{windows} windows are wanted", "Give 1 or more")
    samples = Stream(MotionWindows(clips, body, Motions()), seed, REPLACED)
    packing, rest = Packing(body.num_expression), smplx.rest_motion(body)
    varying = [name for name in samples.spec if f"reference_{name}" in samples.spec]
    squares, frames = np.zeros(packing.d), 0
    for i in range(windows):
        sample = samples[i]
        length = int(sample["length"])
        moving, reference = (
            dataclasses.replace(rest, betas=sample["betas"], **fields)
            for fields in (
                {name: sample[name][:length] for name in varying},
                {name: sample[f"reference_{name}"] for name in varying},
            )
        )
        origin = dataclasses.replace(rest, betas=sample["betas"]) if at_rest else reference
        squares += np.square(packing.pack(moving, origin), dtype=np.float64).sum(axis=0)
        frames += length
        report((i + 1) / windows)
    return {name: max(float(np.sqrt(squares[where].mean() / frames)), LEAST) for name, where in packing.columns.items()}
