"""A network that says what is best said."""

from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion.objective import Objective
from vlogger_jax.diffusion.outpaint import Context
from vlogger_jax.diffusion.prediction import noise_in
from vlogger_jax.diffusion.process import level_at
from vlogger_jax.toy.loss import Network
from vlogger_jax.toy.truth import Truth


def network(truth: Truth, objective: Objective) -> Network:
    """Its x_0 is multiplied by its one parameter, `scale`. For sequences it needs float64."""

    def predict(params: Params, x: Array, t: Array, context: Context, label: Array) -> Array:
        level = level_at(objective.schedule, t, x)
        x0 = params["scale"] * truth.clean(x, level, context, label)
        return objective.prediction.target(x0, noise_in(x, x0, level), level)

    return predict
