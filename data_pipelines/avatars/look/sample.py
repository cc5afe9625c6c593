"""The look of a clip: skin, face, eyes, hair, clothes, light, background and camera, drawn independently of shape.

A `Look` holds numbers only. `drawn` makes of it what takes time and room, textures and background, when it is needed.
"""

import numpy as np

from data_pipelines.avatars.look import (
    background,
    chart,
    cloth,
    defects,
    eyes,
    face_marks,
    hair,
    light,
    paint,
    skin,
    textures,
)
from data_pipelines.avatars.look.colour import LUMA
from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import record
from vlogger_jax.core.typing import Array, Float, Int, UInt8

CLOTHS, PRINTS = 4, 6
"""Textures of cloth and prints that every identity has; the paint's texture is one more."""


@record
class Look:
    """Everything about a clip's appearance that is not geometry.

    Attributes:
        ink: paint and prints on skin.
        printed: prints on cloth.
        textures, scene: seeds of textures and background.
    """

    skin: skin.Skin
    marks: face_marks.Marks
    eyes: eyes.Eyes
    hair: hair.Hair
    ink: paint.Paint
    cloth: cloth.Cloth
    printed: paint.Paint
    light: light.Light
    defects: defects.Defects
    textures: Int[Array, ""]
    scene: Int[Array, ""]


@record
class Drawn:
    """What is drawn for a look.

    Attributes:
        atlas: its textures, see `textures.stack`.
        background: sRGB; what is behind the person, and stays.
    """

    atlas: UInt8[Array, "k m 4"]
    background: Float[Array, "s s 3"]


def sample(rng: np.random.Generator, model: BodyModel) -> Look:
    """Any look; the parts are independent but for what hangs together in nature."""
    points, normals = np.asarray(model.v_template), chart.normals(model)
    first_print = CLOTHS + 1
    tone = skin.sample_tone(rng)
    dark = float(np.clip(1.25 - 3.4 * (tone @ LUMA), 0, 1))
    locks = hair.sample(rng, dark)
    bare = _of(model, "face skin", "neck", "left hand", "right hand", "arms")
    own = skin.sample(rng, points[bare], tone, locks.root)
    lights, wrong = light.sample(rng), defects.sample(rng)
    # Cameras expose for faces, but not all the way.
    gain = (0.34 / float(tone @ LUMA)) ** 0.25
    wrong = defects.Defects(**{**vars(wrong), "exposure": np.asarray(wrong.exposure * gain, np.float32)})
    body = _of(model, "face skin")
    torso = _of(model, "torso", "arms")
    torso = torso[(normals[torso, 2] > 0.3) & (np.abs(points[torso, 0]) < 0.25)]
    prints = tuple(range(first_print, first_print + PRINTS))
    return Look(
        skin=own,
        marks=face_marks.sample(rng),
        eyes=eyes.sample(rng, dark),
        hair=locks,
        ink=paint.sample(
            rng, points[body], normals[body], blots=0.06, patches=0.025, size=(0.012, 0.05), layer=CLOTHS, prints=prints
        ),
        cloth=cloth.sample(rng, tuple(range(CLOTHS))),
        printed=paint.sample(
            rng, points[torso], normals[torso], blots=0.0, patches=0.17, size=(0.05, 0.28), layer=CLOTHS, prints=prints
        ),
        light=lights,
        defects=wrong,
        textures=np.asarray(rng.integers(2**31), np.int32),
        scene=np.asarray(rng.integers(2**31), np.int32),
    )


def drawn(look: Look) -> Drawn:
    """Textures and background of `look`; the same for the same look."""
    rng = np.random.default_rng([int(look.textures), 1])
    layers = [textures.pattern(rng) for _ in range(CLOTHS)]
    layers.append([textures.leaves, textures.clouds, textures.stripes, textures.pattern][rng.integers(4)](rng))
    for _ in range(PRINTS):
        image, cover = textures.print_of(rng)
        layers.append(np.concatenate([image, cover[..., None]], axis=-1))
    return Drawn(
        atlas=textures.stack(layers),
        background=background.draw(np.random.default_rng([int(look.scene), 2])),
    )


def _of(model: BodyModel, *parts: str) -> np.ndarray:
    """Vertices of some parts of the body."""
    wanted = np.isin(np.asarray(model.labels), [names.LABELS.index(part) for part in parts])
    return np.unique(np.asarray(model.faces)[wanted])
