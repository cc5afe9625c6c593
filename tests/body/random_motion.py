"""Random poses within what people can do, and how far they stretch the edges of the mesh."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.body import smplx
from vlogger_jax.core.records import Motion
from vlogger_jax.fit import priors

SHORTEST = 1e-3
"""Metres; 1.7 % of the edges are shorter: around nails, lids and the corners of the mouth."""


def sample(model: smplx.BodyModel, count: int, rng: np.random.Generator, betas: float, faces: bool) -> Motion:
    """`count` people, one frame each: betas from N(0, betas²), few expressions if `faces`, possible angles."""
    low, high = np.moveaxis(priors.joint_limits(), -1, 0)
    pose = rng.uniform(low, high, (count, 55, 3)).astype(np.float32)
    some = faces & (rng.uniform(size=(count, 1, model.num_expression)) < 0.15)
    return Motion(
        betas=(betas * rng.standard_normal((count, model.num_betas))).astype(np.float32),
        expression=(some * rng.uniform(0, 1, some.shape)).astype(np.float32),
        global_orient=pose[:, None, 0],
        body_pose=pose[:, None, 1:22],
        jaw_pose=pose[:, None, 22],
        leye_pose=pose[:, None, 23],
        reye_pose=pose[:, None, 24],
        left_hand_pose=pose[:, None, 25:40],
        right_hand_pose=pose[:, None, 40:55],
        transl=rng.standard_normal((count, 1, 3)).astype(np.float32),
        fps=24.0,
        body=model.name,
    )


def edges_of(faces: np.ndarray) -> np.ndarray:
    return np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)


def worst_stretch(
    model: smplx.BodyModel,
    count: int,
    seed: int,
    betas: float = 0.0,
    faces: bool = False,
    shortest: float = SHORTEST,
    batch: int = 50,
) -> np.ndarray:
    """For each random pose the largest ratio of an edge's length to its length in the same person's rest pose.

    The rest pose has a neutral face. Edges shorter than `shortest` (metres) at rest count as that long.
    """
    rng, edges = np.random.default_rng(seed), edges_of(np.asarray(model.faces))
    stretch = jax.jit(partial(_stretch, edges=edges, shortest=shortest))
    return np.concatenate(
        [np.asarray(stretch(sample(model, batch, rng, betas, faces), model)) for _ in range(count // batch)]
    )


def _stretch(motion: Motion, model: smplx.BodyModel, edges: np.ndarray, shortest: float) -> jax.Array:
    still = Motion(**{**vars(jax.tree.map(jnp.zeros_like, motion)), "betas": motion.betas})

    def lengths(which: Motion) -> jax.Array:
        vertices = smplx.pose(model, which).vertices[:, 0]
        return jnp.linalg.norm(vertices[:, edges[:, 0]] - vertices[:, edges[:, 1]], axis=-1)

    return (lengths(motion) / jnp.maximum(lengths(still), shortest)).max(axis=-1)
