"""Light: a key that casts shadows, a fill, a rim from behind, and a sky of two colours."""

import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars.look.colour import LUMA, hsv
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float

KEY = 0


@record
class Light:
    """Where light comes from, in world axes (x to the right in the picture, y up, z to the camera).

    Intensities are such that a white wall that faces the camera is about 1 in the picture, times the exposure.

    Attributes:
        direction: unit vectors towards key, fill and rim.
        colour: linear, what each gives a white surface that faces it.
        sky, ground: linear light from all around, from `up` and from below.
        up: unit vector to the middle of the sky.
        box: cosine of the angle that the key's and fill's reflections in an eye span.
    """

    direction: Float[Array, "3 3"]
    colour: Float[Array, "3 3"]
    sky: Float[Array, "3"]
    ground: Float[Array, "3"]
    up: Float[Array, "3"]
    box: Float[Array, "2"]


def sample(rng: np.random.Generator) -> Light:
    """Any light: mostly frontal and white, from flat to hard, dim to blown out, now and then coloured."""
    azimuth = np.clip(rng.normal(0.0, 48.0), -115, 115)
    elevation = np.clip(rng.normal(25.0, 16.0), -20, 75)
    side = -np.sign(azimuth or 1.0)
    angles = np.deg2rad(
        [
            (azimuth, elevation),
            (side * rng.uniform(10, 80), rng.uniform(-15, 40)),
            (rng.choice([-1.0, 1.0]) * rng.uniform(120, 170), rng.uniform(5, 50)),
        ]
    )
    direction = np.stack(
        [
            np.sin(angles[:, 0]) * np.cos(angles[:, 1]),
            np.sin(angles[:, 1]),
            np.cos(angles[:, 0]) * np.cos(angles[:, 1]),
        ],
        axis=-1,
    )
    # Cameras take out most of a light's tint, and leave what differs between lights.
    white = float(np.exp(rng.uniform(np.log(5300), np.log(7600))))
    strengths = [1.0, np.exp(rng.uniform(np.log(0.08), np.log(0.7))), 0.0]
    if rng.random() < 0.4:
        strengths[2] = rng.uniform(0.25, 1.6)
    colour = np.stack([s * temperature(white * np.exp(rng.normal(0, 0.13))) for s in strengths])
    if rng.random() < 0.07:
        colour[rng.integers(3)] *= 0.5 + 1.2 * hsv(rng.random(), rng.uniform(0.4, 0.9), 1.0)
    ambient = np.exp(rng.uniform(np.log(0.22), np.log(0.95)))
    sky = ambient * temperature(white * np.exp(rng.normal(0.1, 0.2)))
    ground = ambient * rng.uniform(0.25, 0.8) * temperature(white * np.exp(rng.normal(-0.15, 0.2)))
    up = np.array([rng.normal(0, 0.35), 1.0, rng.normal(0.25, 0.35)])
    found = Light(
        direction=direction.astype(np.float32),
        colour=colour.astype(np.float32),
        sky=sky.astype(np.float32),
        ground=ground.astype(np.float32),
        up=(up / np.linalg.norm(up)).astype(np.float32),
        box=np.cos(np.deg2rad(rng.uniform((10, 6), (24, 14)))).astype(np.float32),
    )
    gain = np.float32(1.0 / _frontal(found))
    return Light(**{**vars(found), **{name: gain * getattr(found, name) for name in ("colour", "sky", "ground")}})


def temperature(kelvin: float) -> Float[np.ndarray, "3"]:
    """Linear colour of a black body, of luminance 1 and white at 6500 K: Planck's law at three wavelengths."""
    nanometres = np.array([605.0, 540.0, 455.0])
    power = (1 / (np.exp(1.4388e7 / (nanometres * k)) - 1) for k in (kelvin, 6500.0))
    found, white = power
    return (found / white) / ((found / white) @ LUMA)


def diffuse(light: Light, normal: Array, lit: Array, opened: Array, wrap: Array | float = 0.0) -> Float[Array, "n 3"]:
    """What a surface receives; `wrap` per channel is how far light creeps around its edge, as in skin."""
    total = ambient(light, normal) * opened[:, None]
    for index in range(3):
        facing = (normal @ light.direction[index])[:, None]
        part = jnp.clip((facing + wrap) / (1.0 + wrap) ** 2, 0.0, 1.0)
        # Light that is partly hidden is redder in skin, as it is at the edge of its night.
        arrives = lit[:, None] ** (1.0 / (1.0 + 2.0 * jnp.asarray(wrap))) if index == KEY else opened[:, None]
        total += part * arrives * light.colour[index]
    return total


def ambient(light: Light, normal: Array) -> Float[Array, "n 3"]:
    upward = 0.5 + 0.5 * (normal @ light.up)
    return light.ground + upward[:, None] * (light.sky - light.ground)


def gloss(light: Light, normal: Array, view: Array, lit: Array, opened: Array, power: Array) -> Float[Array, "n 3"]:
    """Normalised Blinn-Phong highlights with Schlick's Fresnel term over 4 %, for a surface that shines all it can."""
    total = jnp.zeros_like(normal)
    for index in range(3):
        half = light.direction[index] + view
        half /= jnp.maximum(jnp.linalg.norm(half, axis=-1, keepdims=True), 1e-6)
        facing = jnp.clip(normal @ light.direction[index], 0.0, 1.0)
        lobe = jnp.clip((normal * half).sum(axis=-1), 1e-4, 1.0) ** power * (power + 8.0) / 8.0
        edge = 0.04 + 0.96 * (1.0 - jnp.clip((view * half).sum(axis=-1), 0.0, 1.0)) ** 5
        arrives = lit if index == KEY else opened
        total += (lobe * edge * facing * arrives)[:, None] * light.colour[index]
    return total


def _frontal(light: Light) -> float:
    """Luminance of a white face: the mean over what is turned to the camera by up to 40 degrees."""
    normals = np.array([(x, y, 1.0) for x in (-0.7, 0.0, 0.7) for y in (-0.3, 0.3)])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    upward = 0.5 + 0.5 * normals @ light.up
    received = light.ground + upward[:, None] * (light.sky - light.ground)
    received = received + np.clip(normals @ light.direction.T, 0, None) @ light.colour
    return float((received @ LUMA).mean())
