"""The warp: every pixel of a new frame looked up in the reference image (paper section 3.1).

The paper gives visible vertices the colour of their pixel and renders those. Here a pixel gets the *coordinates* of its
point in the reference image and is sampled there, so that the warp is as sharp as the reference.
"""

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, GBuffer, record
from vlogger_jax.core.typing import Array, Bool, Float, Int, namespace

TOLERANCE = 0.010
"""Metres on the body between a pixel's point and the one the reference shows there, up to which they are the same."""

_KIND = {  # what lies behind lips and lids is near them on the body, but is not them
    **dict.fromkeys(("upper teeth", "lower teeth", "tongue", "mouth cavity"), 1),
    **dict.fromkeys(("sclera", "iris"), 2),
}
KINDS = tuple(_KIND.get(name, 0) for name in names.LABELS)


@record
class Surface:
    """The body as seen once, in the reference.

    Attributes:
        gbuffer: of the reference, one frame.
        vertices: posed as in the reference, metres, world.
        camera: of the reference.
    """

    gbuffer: GBuffer
    vertices: Float[Array, "v 3"]
    camera: Camera


def correspond(
    target: GBuffer,
    reference: Surface,
    faces: Int[Array, "f 3"],
    face_labels: Int[Array, "f"],
    body_positions: Float[Array, "v 3"],
) -> tuple[Float[Array, "t h w 2"], Bool[Array, "t h w"]]:
    """Where each pixel's point lies in the reference image, and whether the reference shows it there.

    It does if the reference's own G-buffer, at that place, holds a point of the body within `TOLERANCE`, of the same
    kind (skin, inside of the mouth, eyeball), on a face turned towards the reference's camera.

    Args:
        body_positions: metres on the body as such, e.g. `model.v_template`.

    Returns:
        (x, y) in pixels of `reference.camera`, pixel centres at half-integers, 0 in the background; and validity.
    """
    xp = namespace(target.face_index, reference.vertices)
    inside = gbuffers.covered(target)
    world = gbuffers.interpolate(target, faces, reference.vertices)
    flat, _ = cameras.project(reference.camera, world.reshape(-1, 3))
    uv = flat.reshape(*world.shape[:-1], 2)
    h, w = reference.camera.size
    column, row = xp.floor(uv[..., 0]).astype("int32"), xp.floor(uv[..., 1]).astype("int32")
    in_image = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    row, column = xp.clip(row, 0, h - 1), xp.clip(column, 0, w - 1)

    def seen_there(image: Array) -> Array:
        return image[0][row, column]

    here = gbuffers.interpolate(target, faces, body_positions)
    there = seen_there(gbuffers.interpolate(reference.gbuffer, faces, body_positions))
    near = ((here - there) ** 2).sum(axis=-1) < TOLERANCE**2
    kinds = xp.asarray(KINDS)
    kind_there = seen_there(kinds[gbuffers.labels(reference.gbuffer, face_labels)])
    same_kind = kinds[gbuffers.labels(target, face_labels)] == kind_there
    facing = _facing(reference, faces)[xp.where(inside, target.face_index, 0).astype("int32")]
    shown = seen_there(gbuffers.covered(reference.gbuffer))
    valid = inside & in_image & shown & near & same_kind & facing
    return xp.where(inside[..., None], uv, 0.0).astype("float32"), valid


def _facing(reference: Surface, faces: Array) -> Array:
    """Faces turned towards the reference's camera, [f]."""
    xp = namespace(reference.vertices)
    pixels, _ = cameras.project(reference.camera, reference.vertices)
    a, b, c = (pixels[xp.asarray(faces)[:, i]] for i in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]) < 0


def sample(image: Array, uv: Float[Array, "*b 2"]) -> Float[Array, "*b c"]:
    """Bilinear samples of `image` [h, w, c] at (x, y) in pixels, pixel centres at half-integers, edges extended."""
    xp = namespace(image, uv)
    h, w = image.shape[:2]
    x = xp.clip(uv[..., 0] - 0.5, 0.0, w - 1.0)
    y = xp.clip(uv[..., 1] - 0.5, 0.0, h - 1.0)
    left, top = xp.floor(x).astype("int32"), xp.floor(y).astype("int32")
    right, bottom = xp.minimum(left + 1, w - 1), xp.minimum(top + 1, h - 1)
    fx, fy = (x - left)[..., None].astype("float32"), (y - top)[..., None].astype("float32")
    upper = image[top, left] * (1 - fx) + image[top, right] * fx
    lower = image[bottom, left] * (1 - fx) + image[bottom, right] * fx
    return upper * (1 - fy) + lower * fy
