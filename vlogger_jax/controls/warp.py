"""The warp: every pixel of a new frame looked up in the reference image (paper section 3.1).

The paper gives visible vertices the colour of their pixel and renders those. Here a pixel gets the *coordinates* of its
point in the reference image (`controls.lookup`) and is sampled there, so that the warp is as sharp as the reference.
"""

from vlogger_jax.body import names
from vlogger_jax.core.typing import Array, Float, namespace

TOLERANCE = 0.010
"""Metres on the body between a pixel's point and the one the reference shows there, up to which they are the same.

At least: where pixels are large, up to `OFF_CENTRE` of one."""

OFF_CENTRE = 0.71
"""Pixels between a point and the centre of the pixel that it lies in, at most: half a pixel's diagonal."""

_KIND = {  # what lies behind lips and lids is near them on the body, but is not them
    **dict.fromkeys(("upper teeth", "lower teeth", "tongue", "mouth cavity"), 1),
    **dict.fromkeys(("sclera", "iris"), 2),
}
KINDS = tuple(_KIND.get(name, 0) for name in names.LABELS)


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
