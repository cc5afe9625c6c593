"""Clip `index` of the synthetic MENTOR before anything is drawn: who talks, what is heard, how the person moves."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars import act, framing, identity, splits, style, track, wear
from data_pipelines.avatars.framing import Framing
from data_pipelines.avatars.look import sample as looks
from data_pipelines.avatars.look.sample import Look
from data_pipelines.avatars.splits import Split
from data_pipelines.avatars.style import Style
from data_pipelines.avatars.track import Track
from data_pipelines.avatars.wear import Wear
from vlogger_jax.audio.speech import Engine
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Motion

FRAMES, FPS = 240, 24.0
"""Of a clip: ten seconds, as in MENTOR (paper section 4)."""


@dataclass(frozen=True)
class Performance:
    """A clip and all that is true of it.

    Attributes:
        take: which of the performances of this audio by this person.
        track: what is heard, and its phonemes.
        motion: before `camera`, every frame.
        reference: one frame: how the same person might look on a photograph taken from the same place.
        camera: of a picture of `framing.SIDE` pixels; `photograph` scales it.
    """

    seed: int
    index: int
    split: Split
    take: int
    track: Track
    motion: Motion
    reference: Motion
    camera: Camera
    framing: Framing
    style: Style
    wear: Wear
    look: Look


def perform(
    seed: int,
    index: int,
    engine: Engine | None = None,
    *,
    split: Split = "train",
    take: int = 0,
    sound: Track | None = None,
    frames: int = FRAMES,
) -> Performance:
    """Clip `index` of the data set `seed`: the same arguments give the same bytes.

    Person, sound and camera are the same in every `take`; manner and motion are not. So the difference between two
    takes is what nobody can predict from a portrait and a voice.

    Args:
        engine: speaks; not needed if there is a `sound`.
        sound: what to act on, e.g. of a `track_file`, instead of making it.
        frames: at `FPS`; those of `sound` if that is given.

    Raises:
        UserError: if the engine cannot speak, there is neither `engine` nor `sound`, there is no such split, `frames`
            is below 1, or another number is negative.
    """
    if sound is None:
        if engine is None:
            raise UserError(
                "there is neither an engine that speaks nor a sound", "Give one, e.g. audio.espeak.Espeak()"
            )
        if frames < 1:
            raise UserError(f"a clip of {frames} frames is asked for", "Give 1 or more")
        sound = track.make(seed, index, split, engine, frames, FPS)
    frames = max(1, round(sound.duration * FPS))
    model = model_file.default()

    def stream(name: str, take: int = 0) -> np.random.Generator:
        return splits.generator(seed, index, split, name, take)

    betas = identity.sample(stream("identity"), model)
    clothes = wear.sample(stream("wear"), model, betas)
    view = framing.sample(stream("framing"))
    manner = style.sample(stream("style", take), view.face_height < framing.WIDE, clothes.held_hand)
    lens = framing.towards_camera(view)
    acted = act.perform(model, betas, sound.phonemes, manner, stream("act", take), frames, FPS, lens)
    posed = act.reference(model, betas, manner, stream("reference", take), lens)
    return Performance(
        seed=seed,
        index=index,
        split=split,
        take=take,
        track=sound,
        motion=framing.place(model, acted, view),
        reference=framing.place(model, posed, view),
        camera=framing.camera(view),
        framing=view,
        style=manner,
        wear=clothes,
        look=looks.sample(stream("look"), model),
    )
