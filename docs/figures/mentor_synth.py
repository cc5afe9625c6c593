"""`docs/figures/mentor_synth.png`: people of the synthetic MENTOR, two of them talking, and mattes.

Run `python -m docs.figures.mentor_synth`; it needs the extra `speech`.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from data_pipelines.avatars import track as tracks
from data_pipelines.avatars.perform import FPS, Performance, perform
from data_pipelines.avatars.photograph import REFERENCE, photograph
from docs.figures.body import titled
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.core.typing import UInt8

OUT = Path(__file__).with_suffix(".png")

SEED, SPLIT = 0, "validation"
PEOPLE, COLUMNS, SIZE = 24, 8, 192
TALKERS, STRIP = (12, 14), 8
"""Which of them are shown talking, and in how many frames."""

STEP = 3
"""Frames from one to the next in a strip: an eighth of a second."""


def main() -> None:
    with Espeak() as engine:
        people = [perform(SEED, index, engine, split=SPLIT) for index in range(PEOPLE)]
    faces, mattes = zip(*(_one(each) for each in track(people, description="people")), strict=True)
    rows = [_row(faces[i : i + COLUMNS]) for i in range(0, PEOPLE, COLUMNS)]
    strips = [_strip(people[index]) for index in track(TALKERS, description="strips")]
    panels = [
        _under_title(np.concatenate(rows), f"{PEOPLE} people of the validation split: middle frame of each clip"),
        *(
            _under_title(_row(frames), f"the reference, then talking: every {1000 * STEP / FPS:.0f} ms")
            for frames in strips
        ),
        _under_title(_row([np.repeat(m[..., None], 3, axis=-1) for m in mattes[:COLUMNS]]), "mattes of the first row"),
    ]
    Image.fromarray(np.concatenate(panels)).save(OUT, optimize=True)
    print(OUT)


def _one(person: Performance) -> tuple[UInt8[np.ndarray, "s s 3"], UInt8[np.ndarray, "s s"]]:
    """The middle frame and its matte."""
    taken = photograph(person, np.array([len(person.motion.transl) // 2]), SIZE)
    return taken.frames[0], taken.matte[0]


def _strip(person: Performance) -> list[UInt8[np.ndarray, "s s 3"]]:
    """The reference, then frames from where most is said."""
    length = STEP * (STRIP - 1)
    first = tracks.busiest(person.track.phonemes, len(person.motion.transl), length, FPS)
    shown = first + STEP * np.arange(STRIP - 1)
    return list(photograph(person, np.array([REFERENCE, *shown]), SIZE).frames)


def _under_title(image: UInt8[np.ndarray, "h w 3"], title: str) -> UInt8[np.ndarray, "_ w 3"]:
    return titled(np.pad(image, [(28, 0), (0, 0), (0, 0)], constant_values=255), title)


def _row(images: list[np.ndarray] | tuple[np.ndarray, ...]) -> UInt8[np.ndarray, "h w 3"]:
    return np.concatenate(images, axis=1)


if __name__ == "__main__":
    main()
