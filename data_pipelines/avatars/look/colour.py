"""Colours: sRGB and Lab to the linear light that pictures are computed in."""

import numpy as np

from vlogger_jax.core.typing import Array, Float, namespace

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""What linear red, green and blue contribute to luminance (BT.709)."""

_XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(srgb: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """sRGB in [0, 1] to linear light (IEC 61966-2-1)."""
    xp = namespace(srgb)
    return xp.where(srgb <= 0.04045, srgb / 12.92, ((xp.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4)


def srgb(light: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Linear light in [0, 1] to sRGB, the inverse of `linear`."""
    xp = namespace(light)
    return xp.where(light <= 0.0031308, light * 12.92, 1.055 * xp.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)


def lab(values: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 3"]:
    """CIE Lab (D65) to linear light, clipped to what a screen can show."""
    level, a, b = np.moveaxis(np.asarray(values, np.float64), -1, 0)
    y = (level + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _WHITE
    return np.clip(xyz @ _XYZ_TO_RGB.T, 0.002, 1.0).astype(np.float32)


def hsv(hue: float, saturation: float, value: float) -> Float[np.ndarray, "3"]:
    """Hue in turns, saturation and value in [0, 1], as sRGB, to linear light."""
    turn = (hue * 6 + np.array([0.0, 4.0, 2.0])) % 6
    pure = np.clip(np.abs(turn - 3) - 1, 0, 1)
    return linear(value * (1 + saturation * (pure - 1))).astype(np.float32)


def any_colour(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """A colour of dye, paint or cloth, linear: greys, muted and vivid ones."""
    kind = rng.random()
    if kind < 0.36:
        return hsv(rng.random(), 0.14 * rng.random(), rng.uniform(0.08, 0.97))
    if kind < 0.85:
        return hsv(rng.random(), rng.uniform(0.15, 0.6), rng.uniform(0.15, 0.85))
    return hsv(rng.random(), rng.uniform(0.6, 1.0), rng.uniform(0.3, 0.95))
