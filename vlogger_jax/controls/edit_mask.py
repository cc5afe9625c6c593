"""Which pixels an edit of the body touches: what the video network must make anew when a video is edited."""

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import smplx
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.controls import grid
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, GBuffer, Motion
from vlogger_jax.core.typing import Array, Bool, namespace

MOVED = 0.5
"""Pixels by which a vertex must move for its faces to count as edited."""
MARGIN = 2
"""Pixels by which the mask is dilated."""


def edit_mask(model: smplx.BodyModel, a: Motion, b: Motion, camera: Camera) -> Bool[Array, "t h w"]:
    """Pixels covered, in either motion, by a face with a vertex that moved more than `MOVED`, dilated by `MARGIN`.

    Raises:
        UserError: if the motions differ in length, or are of another body.
    """
    if a.transl.shape[-2] != b.transl.shape[-2]:
        raise UserError(
            f"the two motions have {a.transl.shape[-2]} and {b.transl.shape[-2]} frames",
            "Compare motions of one length",
        )
    before, after = smplx.pose(model, a).vertices, smplx.pose(model, b).vertices
    xp = namespace(before, after)
    moved = ((cameras.project(camera, before)[0] - cameras.project(camera, after)[0]) ** 2).sum(axis=-1) > MOVED**2
    edited = moved[..., model.faces].any(axis=-1)
    masks = [_covered_by(gbuffers.render(v, model.faces, camera), edited) for v in (before, after)]
    return grid.dilate(xp.asarray(masks[0]) | xp.asarray(masks[1]), MARGIN)


def _covered_by(gbuffer: GBuffer, chosen: Array) -> Array:
    """Pixels that see one of the `chosen` faces [t, f] of their frame."""
    xp = namespace(gbuffer.face_index)
    inside = gbuffers.covered(gbuffer)
    index = xp.where(inside, gbuffer.face_index, 0).astype("int32")
    frame = xp.arange(index.shape[0])[:, None, None]
    return xp.asarray(chosen)[frame, index] & inside
