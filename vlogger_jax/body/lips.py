"""How the lips move with the face's parameters, to first order: what an error of a coefficient is worth to a viewer."""

import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float, Int

_JAW = names.JOINTS.index("jaw")


def vertices(model: BodyModel) -> Int[np.ndarray, "n"]:
    """Those of faces labelled as lips."""
    lips = np.asarray(model.labels) == names.LABELS.index("lips")
    return np.unique(np.asarray(model.faces)[lips])


def directions(model: BodyModel) -> Float[np.ndarray, "n 3 k"]:
    """Metres that each vertex of the lips moves for each coefficient of expression, then each radian of `jaw_pose`.

    Of the mean shape, at rest; the head does not move.
    """
    which = vertices(model)
    weight = np.asarray(model.lbs_weights)[which, _JAW, None, None]
    arm = np.asarray(model.v_template)[which] - np.asarray(model.joint_template)[_JAW]
    # About axis e a point at `arm` moves by e x arm.
    turning = np.cross(np.eye(3), arm[:, None, :]).swapaxes(-1, -2)
    return np.concatenate([np.asarray(model.expression_dirs)[which], weight * turning], axis=-1).astype(np.float32)
