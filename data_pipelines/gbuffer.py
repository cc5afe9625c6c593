"""G-buffers of a motion as they are stored: the same bytes whichever frames are asked for together."""

from functools import lru_cache

import jax
import numpy as np

from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, GBuffer, Motion


def render(model: BodyModel, motion: Motion, camera: Camera) -> GBuffer:
    """G-buffers, frame by frame, so that none depends on the others."""
    model = _on_device(model)
    found = [_rendered(model, smplx.frames_of(motion, np.array([i])), camera) for i in range(len(motion.transl))]
    return jax.tree.map(lambda *each: np.concatenate(each), *jax.device_get(found))


@jax.jit
def _rendered(model: BodyModel, motion: Motion, camera: Camera) -> GBuffer:
    return gbuffers.render(smplx.pose(model, motion).vertices, model.faces, camera)


@lru_cache(maxsize=4)
def _on_device(model: BodyModel) -> BodyModel:
    return jax.device_put(model)
