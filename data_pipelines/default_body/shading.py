"""Pictures of posed bodies, for the landmarker that looks at them and for the figures."""

import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import raster
from vlogger_jax.core.records import Camera
from vlogger_jax.core.typing import Array, Float, Int, UInt8

LIGHTS = (  # direction towards the light in world axes, strength
    (np.array([-0.35, 0.45, 0.85]), 0.75),
    (np.array([0.9, 0.15, 0.4]), 0.28),
)
AMBIENT = 0.24


def render(
    vertices: Float[Array, "v 3"],
    faces: Int[Array, "f 3"],
    colours: Float[Array, "f 3"],
    camera: Camera,
    background: tuple[int, int, int] = (244, 244, 246),
) -> UInt8[Array, "h w 3"]:
    """Light and draw `vertices` [v, 3] with one sRGB colour a face [f, 3] in [0, 1]; [h, w, 3] uint8."""
    colour, coverage = draw(vertices, faces, colours, camera)
    linear = colour + (1 - coverage[..., None]) * (np.array(background) / 255.0) ** 2.2
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)


def draw(
    vertices: Float[Array, "v 3"],
    faces: Int[Array, "f 3"],
    colours: Float[Array, "f 3"],
    camera: Camera,
    supersample: int = 2,
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w"]]:
    """Linear light [h, w, 3], 0 in the background and mixed with it at edges, and coverage [h, w]."""
    pixels, depth = cameras.project(camera, vertices.astype(np.float32))
    seen = raster.rasterize(pixels[None], depth[None], faces, size=camera.size, supersample=supersample)
    index, bary = np.asarray(seen.face_index[0]), np.asarray(seen.bary[0])
    covered = index != raster.NO_FACE
    normals = vertex_normals(vertices, faces)[faces[np.where(covered, index, 0)]]
    normal = (normals * bary[..., None]).sum(axis=-2)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    light = AMBIENT + sum(
        strength * np.clip(normal @ (direction / np.linalg.norm(direction)), 0, None) for direction, strength in LIGHTS
    )
    linear = colours[np.where(covered, index, 0)] ** 2.2 * light[..., None] * covered[..., None]
    return _shrink(linear, supersample), _shrink(covered[..., None].astype(float), supersample)[..., 0]


def _shrink(image: np.ndarray, times: int) -> np.ndarray:
    h, w, c = image.shape
    return image.reshape(h // times, times, w // times, times, c).mean(axis=(1, 3))


def vertex_normals(vertices: Float[Array, "v 3"], faces: Int[Array, "f 3"]) -> Float[Array, "v 3"]:
    """Outward unit normals [v, 3]."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
