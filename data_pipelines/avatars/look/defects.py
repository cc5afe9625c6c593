"""What a camera and a video file do to light: lens, sensor, tone, sharpening, scaling and compression.

All strengths are those of a clip; only the sensor's noise is new in every frame. Lengths are parts of the picture's
side, so that one clip looks alike at every size. Strengths of `none()` change nothing but rounding.
"""

import jax
import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look.colour import LUMA, srgb
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, UInt8

BLOCK = 8
_LUMA_TABLE = np.array(
    [
        (16, 11, 10, 16, 24, 40, 51, 61),
        (12, 12, 14, 19, 26, 58, 60, 55),
        (14, 13, 16, 24, 40, 57, 69, 56),
        (14, 17, 22, 29, 51, 87, 80, 62),
        (18, 22, 37, 56, 68, 109, 103, 77),
        (24, 35, 55, 64, 81, 104, 113, 92),
        (49, 64, 78, 87, 103, 121, 120, 101),
        (72, 92, 95, 98, 112, 100, 103, 99),
    ],
    np.float32,
)
_CHROMA_TABLE = np.full((8, 8), 99, np.float32)
_CHROMA_TABLE[:4, :4] = [(17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99)]
"""Quantisation of JPEG, ITU-T T.81 annex K."""

_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_DCT = np.array(
    [[np.cos(np.pi * k * (2 * n + 1) / 16) * (0.125 if k == 0 else 0.25) ** 0.5 for n in range(8)] for k in range(8)],
    np.float32,
)


@record
class Defects:
    """What is wrong with a clip.

    Attributes:
        exposure: factor on linear light; `balance` the same for red, green and blue (white balance).
        vignette: how much darker the corners are.
        blur: of the lens, standard deviation.
        noise: of the sensor, as a part of white: that of black, and that of white alone.
        shoulder: from which brightness on highlights are compressed; 1 clips them.
        contrast, saturation, gamma: of sRGB values; 1 changes nothing.
        sharpen: halo that sharpening leaves.
        shrink: how many times smaller the clip once was, 1 or more.
        quality: of JPEG-like compression, 1 to 100; over 100 there is none.
    """

    exposure: Float[Array, ""]
    balance: Float[Array, "3"]
    vignette: Float[Array, ""]
    blur: Float[Array, ""]
    noise: Float[Array, "2"]
    shoulder: Float[Array, ""]
    contrast: Float[Array, ""]
    saturation: Float[Array, ""]
    gamma: Float[Array, ""]
    sharpen: Float[Array, ""]
    shrink: Float[Array, ""]
    quality: Float[Array, ""]


def none() -> Defects:
    """A perfect camera."""
    return _defects(1.0, np.ones(3), 0.0, 0.0, np.zeros(2), 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 101.0)


def sample(rng: np.random.Generator) -> Defects:
    """A quarter of all clips are almost clean; the others have some of everything."""
    bad = 0.0 if rng.random() < 0.25 else 1.0

    def some(chance: float, value: float) -> float:
        return value if bad and rng.random() < chance else 0.0

    noisy = some(0.7, float(np.exp(rng.uniform(np.log(0.003), np.log(0.035)))))
    compressed = some(0.75, 1.0)
    return _defects(
        exposure=float(np.exp(rng.normal(0.0, 0.14 + 0.16 * bad))),
        balance=np.exp(rng.normal(0, 0.015 + 0.045 * bad, 3)),
        vignette=some(0.4, 0.5 * rng.random()),
        blur=some(0.5, 0.006 * rng.random() ** 2),
        noise=noisy * np.array([0.4, 1.0]) * rng.uniform(0.5, 1.5, 2),
        shoulder=float(rng.uniform(0.55, 0.9)),
        contrast=1.0 + (0.05 + 0.12 * bad) * rng.normal(),
        saturation=float(np.clip(1.0 + 0.22 * bad * rng.normal(), 0.0 if rng.random() < 0.02 else 0.4, 1.7)),
        gamma=float(np.exp((0.03 + 0.1 * bad) * rng.normal())),
        sharpen=some(0.4, rng.uniform(0.1, 0.7)),
        shrink=1.0 + some(0.25, rng.uniform(0.1, 1.2)),
        quality=float(rng.uniform(30, 95)) if compressed else 101.0,
    )


def photograph(defects: Defects, light: Float[Array, "s s 3"], key: Array) -> UInt8[Array, "s s 3"]:
    """The frame that a camera makes of linear light; `key` draws its noise."""
    return to_bytes(develop(defects, light, key))


def to_bytes(picture: Float[Array, "*b"]) -> UInt8[Array, "*b"]:
    return jnp.round(jnp.clip(picture, 0.0, 1.0) * 255.0).astype(jnp.uint8)


def develop(defects: Defects, light: Float[Array, "s s 3"], key: Array) -> Float[Array, "s s 3"]:
    """sRGB values in [0, 1] of what falls on the lens."""
    side = light.shape[0]
    step = jnp.linspace(-1.0, 1.0, side)
    corner = (step**2 + step[:, None] ** 2) / 2.0
    light = light * (1.0 - defects.vignette * corner[..., None])
    light = both_ways(blur_matrix(side, defects.blur * side), light)
    light = light * defects.exposure * defects.balance
    spread = jnp.sqrt(defects.noise[0] ** 2 + defects.noise[1] ** 2 * jnp.clip(light, 0.0, 1.0))
    light = light + spread * jax.random.normal(key, light.shape)
    knee = defects.shoulder
    room = jnp.maximum(1.0 - knee, 1e-3)
    light = jnp.where(light > knee, knee + room * (1.0 - jnp.exp(-(light - knee) / room)), light)
    picture = srgb(jnp.clip(light, 0.0, 1.0))
    grey = (picture @ LUMA)[..., None]
    picture = grey + defects.saturation * (picture - grey)
    picture = jnp.clip(0.5 + defects.contrast * (picture - 0.5), 0.0, 1.0)
    picture = jnp.where(defects.gamma == 1.0, picture, jnp.maximum(picture, 1e-4) ** defects.gamma)
    picture = picture + defects.sharpen * (picture - both_ways(blur_matrix(side, max(0.008 * side, 0.7)), picture))
    picture = both_ways(shrink_matrix(side, defects.shrink), jnp.clip(picture, 0.0, 1.0))
    return jnp.where(defects.quality > 100.0, picture, compressed(picture, jnp.minimum(defects.quality, 100.0)))


def both_ways(matrix: Float[Array, "s s"], image: Float[Array, "s s c"]) -> Float[Array, "s s c"]:
    """A linear map of rows, then the same of columns."""
    return jnp.einsum("ij,jkc,lk->ilc", matrix, image, matrix, precision="highest")


def blur_matrix(side: int, sigma: Array | float) -> Float[Array, "s s"]:
    """A Gaussian blur of `sigma` pixels as a matrix, which loses nothing at the edges; the identity for 0."""
    gap = jnp.arange(side) - jnp.arange(side)[:, None]
    weight = jnp.exp(-0.5 * (gap / jnp.maximum(sigma, 1e-2)) ** 2)
    return weight / weight.sum(axis=1, keepdims=True)


def shrink_matrix(side: int, times: Array | float) -> Float[Array, "s s"]:
    """Area means over `times` pixels, and linear interpolation back, as a matrix; the identity for 1."""
    edge = jnp.arange(side)
    start = edge[:, None] * times
    overlap = jnp.clip(jnp.minimum(start + times, edge + 1.0) - jnp.maximum(start, edge * 1.0), 0.0, None)
    down = overlap / jnp.maximum(overlap.sum(axis=1, keepdims=True), 1e-6)
    near = jnp.clip(1.0 - jnp.abs((edge[:, None] + 0.5) / times - (edge + 0.5)), 0.0, None)
    near = near * (overlap.sum(axis=1) > 1e-3)
    up = near / jnp.maximum(near.sum(axis=1, keepdims=True), 1e-6)
    return jnp.matmul(up, down, precision="highest")


def compressed(picture: Float[Array, "s s 3"], quality: Array | float) -> Float[Array, "s s 3"]:
    """What JPEG (baseline, 4:2:0) keeps of sRGB values in [0, 1]."""
    side = picture.shape[0]
    missing = -side % (2 * BLOCK)
    padded = jnp.pad(picture, ((0, missing), (0, missing), (0, 0)), mode="edge")
    planes = 255.0 * jnp.einsum("hwc,dc->dhw", padded, _YCC, precision="highest")
    scale = jnp.where(quality < 50.0, 5000.0 / quality, 200.0 - 2.0 * quality) / 100.0

    def coded(plane: Array, table: np.ndarray) -> Array:
        h, w = plane.shape
        blocks = plane.reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK)
        found = jnp.einsum("ki,aibj,lj->akbl", _DCT, blocks, _DCT, precision="highest")
        steps = jnp.clip(jnp.floor(table * scale + 0.5), 1.0, 255.0)[None, :, None, :]
        found = jnp.round(found / steps) * steps
        return jnp.einsum("ki,akbl,lj->aibj", _DCT, found, _DCT, precision="highest").reshape(h, w)

    half = planes[1:].reshape(2, planes.shape[1] // 2, 2, planes.shape[2] // 2, 2).mean(axis=(2, 4))
    chroma = jnp.stack([coded(plane, _CHROMA_TABLE) for plane in half])
    full = jnp.stack(
        [coded(planes[0] - 128.0, _LUMA_TABLE) + 128.0, *jax.image.resize(chroma, planes[1:].shape, "linear")]
    )
    return jnp.einsum("dhw,cd->hwc", full, np.linalg.inv(_YCC), precision="highest")[:side, :side] / 255.0


def _defects(
    exposure: float,
    balance: np.ndarray,
    vignette: float,
    blur: float,
    noise: np.ndarray,
    shoulder: float,
    contrast: float,
    saturation: float,
    gamma: float,
    sharpen: float,
    shrink: float,
    quality: float,
) -> Defects:
    given = dict(locals())
    return Defects(**{name: np.asarray(value, np.float32) for name, value in given.items()})
