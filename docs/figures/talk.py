"""`docs/figures/talk.png`: frames of what `make demo` makes, after the portrait itself.

Run `python -m docs.figures.talk`. The portrait is Eileen Collins, by NASA, in the public domain, from scikit-image.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from docs.figures import demo
from vlogger_jax import console
from vlogger_jax.audio.speech import Voice
from vlogger_jax.body import smplx

OUT = Path(__file__).with_suffix(".png")

FIRST, STEP, FRAMES = 12, 4, 9
"""Frames of the video that are shown: where the first word begins, and every sixth of a second."""

CUT = np.s_[0:384, 64:448]
SIDE = 152


def main() -> None:
    with console.progress() as begin:
        person = demo.find(None, begin)
        motion = demo.move(person, demo.say(demo.TEXT, Voice()), seed=0)
        shown = smplx.frames_of(motion, FIRST + STEP * np.arange(FRAMES))
        images = [person.portrait.image, *demo.paste(person, shown)]
    small = [np.asarray(Image.fromarray(image[CUT]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)) for image in images]
    Image.fromarray(np.concatenate(small, axis=1)).save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
