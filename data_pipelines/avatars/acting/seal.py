"""Closing lips that have to be closed, whatever the shape of the person's mouth."""

import numpy as np

from data_pipelines.avatars.acting.arkit import columns
from vlogger_jax.body import smplx
from vlogger_jax.body.mouth import Mouth
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float

_SEALED = {
    **{"jawOpen": 0.0, "jawForward": 0.0, "mouthClose": 0.12, "mouthPress": 0.6, "mouthRollUpper": 0.2},
    **{"mouthRollLower": 0.2, "mouthFunnel": 0.0, "mouthUpperUp": 0.0, "mouthLowerDown": 0.0, "mouthShrugUpper": 0.0},
    **{"noseSneer": 0.0, "tongueOut": 0.0},
}
_INDEX = [index for name in _SEALED for _, index in columns(name)]
_TARGET = np.array([value for name, value in _SEALED.items() for _ in columns(name)])
_HALVINGS = 5


def seal(
    model: BodyModel, mouth: Mouth, expression: Float[np.ndarray, "t ne"], limit: Float[np.ndarray, "t"]
) -> Float[np.ndarray, "t ne"]:
    """Close the lips of the frames whose gap is above `limit` (metres, may be infinite), as little as that takes."""
    wide = np.flatnonzero(_gap(model, mouth, expression) > limit)
    if not len(wide):
        return expression
    given = expression[wide]
    low, high = np.zeros(len(wide)), np.ones(len(wide))
    for _ in range(_HALVINGS):
        share = 0.5 * (low + high)
        closed = _gap(model, mouth, _towards(given, share)) <= limit[wide]
        low, high = np.where(closed, low, share), np.where(closed, share, high)
    found = expression.copy()
    found[wide] = _towards(given, high)
    return found


def _towards(expression: np.ndarray, share: np.ndarray) -> np.ndarray:
    found = expression.copy()
    found[:, _INDEX] += share[:, None] * (_TARGET - found[:, _INDEX])
    return found


def _gap(model: BodyModel, mouth: Mouth, expression: np.ndarray) -> np.ndarray:
    expression = expression.astype(np.float32)
    return mouth.gap(expression, smplx.arkit_jaw_pose(model, expression))
