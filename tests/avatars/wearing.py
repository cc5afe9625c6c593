"""People to dress in tests: bodies, outfits, poses in which people talk, and which face a camera sees."""

import dataclasses
from functools import cache

import numpy as np

from data_pipelines.avatars import outfit, wear
from data_pipelines.avatars.wear import figure
from tests.fit import truth
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Camera, Motion


@cache
def model() -> BodyModel:
    return model_file.default()


def betas_of(seed: int) -> np.ndarray:
    return np.random.default_rng([seed, 1]).standard_normal(model().num_betas).astype(np.float32)


@cache
def person(seed: int) -> tuple[np.ndarray, wear.Wear, outfit.Outfit]:
    """Betas, what they wear, and the outfit of made-up person number `seed`."""
    rng, betas = np.random.default_rng(seed), betas_of(seed)
    worn = wear.sample(rng, model(), betas)
    return betas, worn, outfit.dress(model(), betas, worn, rng)


def plain(**parts: object) -> wear.Wear:
    """Trousers, a round-necked shirt, no hair, nothing else; but `parts`."""
    neckline = wear.styles.Neckline(width=0.07, front=0.04, back=0.02)
    shirt = wear.styles.Garment(
        neckline=neckline, sleeve=0.35, hem=-0.38, thickness=0.005, loose=0.005, folds=0.2, flare=0.003, seed=1
    )
    nothing = dict.fromkeys(("jacket", "beard", "hat", "glasses", "earrings", "necklace", "buttons", "held"))
    trousers = wear.styles.Trousers(waist=-0.285, leg=-1.0, thickness=0.006)
    bald = wear.styles.Hair(top=0.0, side=0.0)
    return wear.Wear(**{**nothing, "shirt": shirt, "trousers": trousers, "hair": bald, "lashes": 0.004, **parts})


def dressed(worn: wear.Wear, seed: int = 0) -> tuple[figure.Figure, outfit.Outfit]:
    """Body number `seed` in `worn`."""
    betas = betas_of(seed)
    return figure.make(model(), betas), outfit.dress(model(), betas, worn, np.random.default_rng(seed))


def still(betas: np.ndarray, joints: dict[str, tuple[float, float, float]] | None = None) -> Motion:
    """One frame with the named joints turned, in degrees."""
    motion = smplx.rest_motion(model())
    for name, degrees in (joints or {}).items():
        motion.body_pose[0, names.JOINTS.index(name) - 1] = np.deg2rad(degrees)
    return dataclasses.replace(motion, betas=betas)


def talking(seed: int, betas: np.ndarray, frames: int) -> tuple[Motion, Camera]:
    """Somebody who talks with head and hands before a camera of 512 x 512."""
    motion, camera = truth.clip(model(), seed, frames=frames)
    return dataclasses.replace(motion, betas=betas), camera


def before_the_face(vertices: np.ndarray, size: int = 192) -> Camera:
    """A camera that the face of posed `vertices` [n, 3] fills."""
    face = vertices[np.asarray(model().vertex_picks)[:5]].mean(axis=0)
    camera = cameras.from_focal(8.0 * size, (size, size))
    shift = np.array([0.0, 0.0, 2.0]) - camera.rotation @ face
    return dataclasses.replace(camera, translation=shift.astype(np.float32))


def seen(vertices: np.ndarray, faces: np.ndarray, camera: Camera) -> np.ndarray:
    """The face that every pixel of frames [t, n, 3] sees, -1 for none."""
    pixels, depth = cameras.project(camera, vertices)
    return np.asarray(raster.rasterize(pixels, depth, faces, size=camera.size).face_index)


def vertices_of(worn: outfit.Outfit, material: str) -> np.ndarray:
    """The vertices of a material's faces."""
    return np.unique(worn.faces[worn.material == outfit.MATERIALS.index(material)])
