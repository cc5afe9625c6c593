"""`make demo`: a portrait says a sentence, as a video with sound in out/demo.mp4.

The motion network that comes with the package hears the sentence and moves face, head and torso. The picture is then
cut and pasted to follow the body, which is the baseline that the video networks have to beat. Run
`python -m docs.figures.demo --help` for a picture and words of your own. The default portrait is Eileen
Collins, by NASA, in the public domain, from scikit-image.
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import jax
import numpy as np
import soxr
import typer

from vlogger_jax import console, control_video, fitting, moving
from vlogger_jax.audio import mel
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Phoneme, Speech, Voice
from vlogger_jax.body import model_file, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import build
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import GBuffer, Motion
from vlogger_jax.core.typing import UInt8
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import solve
from vlogger_jax.media import video_writer
from vlogger_jax.motion.manner import Manner, Strength

OUT = Path("out/demo.mp4")

FPS = 24.0
SIZE = 512
"""Pixels to a side of the video."""

WINDOW = 8
"""Frames in memory at a time."""

TEXT = "Hello! Nobody filmed this. One picture, one sentence, and my lips follow every sound."

MANNER = Manner(strength=Strength(head=0.8, torso=0.4, arms=0.0, hands=0.0))
"""Paste can turn a head a little; arms that the picture hides it cannot raise."""

REST_S = 0.6
"""Silence before and after the sentence, to be seen at rest."""

LANDMARKS = Path(__file__).with_name("demo_landmarks.npz")
"""Of the default portrait, for Pythons that have no MediaPipe."""


class Person(NamedTuple):
    """A portrait, fitted and cut to its square of `SIZE` pixels.

    Attributes:
        visible: how much of torso, left hand and right hand it shows.
    """

    model: BodyModel
    portrait: control_video.Framed
    visible: tuple[float, float, float]


def find(image: Path | None, begin: Callable[[str], console.Report]) -> Person:
    """Fit the person of a picture; None is the default portrait.

    Raises:
        UserError: if the picture cannot be read or shows nobody.
    """
    model = model_file.default()
    if image is None:
        from skimage import data

        picture, focal = data.astronaut(), None
    else:
        source = fitting.picture(image)
        picture, focal = next(source.frames()), source.focal
    report = begin("finding the person")
    if image is None and importlib.util.find_spec("mediapipe") is None:
        print(f"MediaPipe is not installed: taking the portrait's landmarks from {LANDMARKS.name}")
        found = marks.load(LANDMARKS)
    else:
        found = marks.detect([picture], FPS)
    report(1.0)
    fit = solve.fit(model, found, focal=focal, report=begin("fitting the body"))
    seen = (fit.quality.torso, fit.quality.left_hand, fit.quality.right_hand)
    return Person(model, control_video.frame(model, fit, picture, SIZE), tuple(float(part[0]) for part in seen))


def say(text: str, voice: Voice) -> Speech:
    """The sentence with `REST_S` of silence before and after it."""
    with Espeak() as engine:
        said = engine.speak(text, voice)
    silence, end = round(REST_S * said.rate), len(said.waveform) / said.rate + REST_S
    moved = (p._replace(start=p.start + REST_S, end=p.end + REST_S) for p in said.phonemes)
    return Speech(
        waveform=np.pad(said.waveform, silence),
        rate=said.rate,
        phonemes=(Phoneme("", 0.0, REST_S), *moved, Phoneme("", end, end + REST_S)),
    )


def move(person: Person, speech: Speech, seed: int, models: Path | None = None) -> Motion:
    """How the person of the portrait says it, by M."""
    performer, reference = moving.performer(models), person.portrait.motion
    sound = soxr.resample(speech.waveform, speech.rate, mel.RATE)
    take = moving.take(person.model, reference, person.visible, seed=seed, manner=MANNER)
    return jax.tree.map(lambda array: array[0], performer.perform(sound, reference, take))


def paste(person: Person, motion: Motion) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The portrait moved by the motion, frame by frame."""
    tables, body = build.tables(person.model), jax.device_put(person.model)

    @jax.jit
    def seen(motion: Motion) -> tuple[GBuffer, jax.Array]:
        vertices = smplx.pose(body, motion).vertices
        return gbuffers.render(vertices, body.faces, person.portrait.camera), vertices

    portrait = person.portrait
    first, vertices = jax.tree.map(np.asarray, seen(portrait.motion))
    source = build.reference(tables, portrait.image, portrait.matte, first, vertices[0], portrait.camera)
    frames = len(motion.transl)
    for start in range(0, frames, WINDOW):
        which = np.minimum(np.arange(start, start + WINDOW), frames - 1)  # so that one program does for all
        target, _ = jax.tree.map(np.asarray, seen(smplx.frames_of(motion, which)))
        count = min(WINDOW, frames - start)
        target = GBuffer(face_index=target.face_index[:count], bary=target.bary[:count])
        yield from build.build(tables, source, target).composite


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    image: Annotated[Path | None, typer.Option(help="A portrait; by default the astronaut's.")] = None,
    text: Annotated[str, typer.Option(help="What to say.")] = TEXT,
    voice: Annotated[str, typer.Option(help="Who says it: a voice of espeak-ng.")] = "en-us",
    seed: Annotated[int, typer.Option(min=0, help="Of the head's and the eyes' motion.")] = 0,
    models: Annotated[Path | None, typer.Option(help="A bundle; by default the one of the package.")] = None,
    out: Annotated[Path, typer.Option(help="Where to write the video, .mp4.")] = OUT,
) -> None:
    """A portrait says a sentence: moved by the motion network, pasted."""
    fitting.check_suffix("--out", out, (".mp4",))
    fitting.check_apart({"--out": out}, {"--image": image})
    seconds, begun = {}, time.perf_counter()

    def done(phase: str) -> None:
        seconds[phase] = time.perf_counter() - begun - sum(seconds.values())

    if out == OUT:
        out.parent.mkdir(exist_ok=True)
    with console.progress() as begin:
        console.keep_compiled()
        speech = say(text, Voice(voice))
        done("speech")
        person = find(image, begin)
        done("fit")
        motion = move(person, speech, seed, models)
        done("motion")
        report, count = begin("pasting"), len(motion.transl)
        with video_writer.Writer(out, fps=FPS, waveform=speech.waveform, rate=speech.rate) as writer:
            for i, frame in enumerate(paste(person, motion)):
                writer.write(frame)
                report((i + 1) / count)
        done("video")
    phases = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    print(f"{out}: {count} frames, {count / FPS:.1f} s of {SIZE} x {SIZE} pixels with sound ({phases})")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m docs.figures.demo"))
