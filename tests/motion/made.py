"""Small networks of motion, and made-up people for them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.audio.hearing import Normalised
from vlogger_jax.body import rotation
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Params
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.motion.model import FIELDS, Model, Section
from vlogger_jax.motion.network import Size
from vlogger_jax.motion.packing import BODY as PARTS_OF_BODY
from vlogger_jax.motion.packing import NONE

BODY, HEARING = "default-v1", dict(name="normalised", bands=4)
SIZE = dict(width=8, blocks=1, heads=2, listener=8, lookahead=2, lookback=1)
DIFFUSION = dict(schedule="cosine", prediction="x0", sampler="dpm_solver_2m", grid="uniform_time", steps=2)
MASS = dataclasses.replace(NONE, **dict.fromkeys(PARTS_OF_BODY, 3.0))
"""The body is averaged, the face is not."""

TURNS = ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose")
FACE = ("expression", "jaw_pose", "leye_pose", "reye_pose")


def size(**changes) -> Size:
    return Size(**{**SIZE, **changes})


def model(expressions: int = 5, **changes) -> Model:
    sizes = {name: changes.pop(name) for name in list(changes) if name in SIZE}
    section = Section(size=size(**sizes), body=BODY, betas=4, expressions=expressions, **{"averaged": MASS, **changes})
    return Model(section, Normalised(bands=HEARING["bands"]))


def config(frames: int = 12, expressions: int = 5, **sections) -> dict:
    """The sections that a stage is made of."""
    made = dict(
        data=dict(folder="somewhere", frames=frames, shortest=frames, hearing=HEARING, dropped={}),
        model=dict(size=SIZE, body=BODY, betas=4, expressions=expressions, averaged=vars(MASS)),
        diffusion=DIFFUSION,
    )
    return {name: {**section, **sections.get(name, {})} for name, section in made.items()}


def recipe(**changes) -> Recipe:
    return Recipe.of({**DIFFUSION, **changes}, 1)


def stirred(params: Params) -> Params:
    """None of them 0, as the ends of residual branches are at first."""
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(2)
    return tree.unflatten([np.asarray(leaf) + rng.normal(0, 0.2, leaf.shape).astype(np.float32) for leaf in leaves])


def motion(seed: int, *frames: int, expressions: int = 5, betas: int = 4, spread: float = 0.4) -> Motion:
    """Somebody who does everything at random, in [*frames]; of the last of them, time."""
    rng = np.random.default_rng(seed)
    sizes = {"expression": (expressions,), "body_pose": (21, 3)}
    sizes |= dict.fromkeys(("left_hand_pose", "right_hand_pose"), (15, 3))
    drawn = {name: rng.normal(0, spread, (*frames, *sizes.get(name, (3,)))).astype(np.float32) for name in FIELDS}
    drawn["expression"] = np.abs(drawn["expression"]).clip(0, 1)
    shape = rng.normal(0, 1, (*frames[:-1], betas)).astype(np.float32)
    return Motion(betas=shape, **drawn, fps=24.0, body=BODY)


def batch(spec: dict, count: int, seed: int = 0, frames: int = 12) -> dict:
    """Samples as `spec` has them, of which every other one is filled up."""
    rng = np.random.default_rng(seed)
    made = {name: rng.normal(0, 0.3, (count, *each.shape)).astype(np.float32) for name, each in spec.items()}
    made["heard"] = rng.uniform(0, 1, made["heard"].shape).astype(np.float32)
    made["viseme"] = rng.integers(0, 20, made["viseme"].shape).astype(np.uint8)
    made["length"] = np.where(np.arange(count) % 2, frames - 3, frames).astype(np.int32)
    return {name: jnp.asarray(array) for name, array in made.items()}


def turns(motion: Motion) -> dict[str, np.ndarray]:
    """Matrices of all joints but those of the face: axis-angles of one turn are many."""
    return {name: np.asarray(rotation.axis_angle_to_matrix(getattr(motion, name))) for name in TURNS}


def same(found: Motion, wanted: Motion, atol: float = 3e-6) -> None:
    """Raise AssertionError if two motions differ by more; one frame stands for many."""
    for name, matrices in turns(found).items():
        np.testing.assert_allclose(*np.broadcast_arrays(matrices, turns(wanted)[name]), atol=atol, err_msg=name)
    for name in (*FACE, "transl"):
        arrays = np.broadcast_arrays(getattr(found, name), getattr(wanted, name))
        np.testing.assert_allclose(*arrays, atol=atol, err_msg=name)


def clip(motion: Motion, *index) -> Motion:
    """One clip of a batch."""
    return dataclasses.replace(motion, **{name: getattr(motion, name)[index] for name in ("betas", *FIELDS)})
