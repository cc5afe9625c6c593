"""What a training is looked at with, every few thousand steps."""

from dataclasses import dataclass

import ml_collections

from launch.data import Inputs
from launch.program import Program
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.stage import Params
from vlogger_jax.parallel import mesh as meshes
from vlogger_jax.train import evaluation
from vlogger_jax.train.loop import Evaluation


@dataclass(frozen=True, kw_only=True)
class Eval:
    """The section `eval` of a config.

    Attributes:
        batches: of the validation split, whose loss is told; as large as the parts of those of training.
        samples: that are drawn for a picture; 0: none.
        seed: of their randomness.
    """

    batches: int = 4
    samples: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.batches < 0 or self.samples < 0:
            raise UserError(f"{self} cannot be", "Give 0 or more")


def read(config: ml_collections.ConfigDict, made: Program) -> Eval:
    """The section `eval`.

    Raises:
        UserError: if it cannot be had of this program.
    """
    asked = from_mapping(Eval, config.eval, "config.eval")
    if asked.samples and made.stage.picture:
        meshes.check(made.mesh, asked.samples)
    return asked


def of(asked: Eval, config: ml_collections.ConfigDict, made: Program, frozen: Params) -> list[Evaluation]:
    """The evaluations that are asked for."""
    found: list[Evaluation] = []
    if asked.batches:
        # As large as what the step takes at a time.
        size = made.train.batch // made.train.accumulate
        inputs = Inputs.of(config, made.stage, made.mesh, "validation", size)
        found.append(
            evaluation.validation(
                made.validate,
                frozen,
                [inputs.batch(number) for number in range(asked.batches)],
                put=inputs.put,
                precision=made.precision,
                numbers=inputs.numbers,
                seed=asked.seed,
            )
        )
    if asked.samples and made.stage.picture:
        inputs = Inputs.of(config, made.stage, made.mesh, "validation", asked.samples)
        batch, picture = inputs.whole_batch(0), made.stage.picture
        found.append(
            evaluation.pictures(
                made.sample_fn,
                frozen,
                inputs.batch(0),
                lambda samples: picture(batch, samples),
                put=inputs.put,
                precision=made.precision,
                numbers=inputs.numbers,
                seed=asked.seed,
            )
        )
    return found
