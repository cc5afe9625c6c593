"""From a portrait and a voice to a talking video: the paper's overview (figure 2) in readable lines.

from vlogger_jax.pipeline import Vlogger

generation = Vlogger.load().generate("portrait.png", text="Hello!")
generation.save("hello.mp4")
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import soxr

from vlogger_jax import filming, fitting, moving
from vlogger_jax import portrait as portraits
from vlogger_jax.audio import mel
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Voice
from vlogger_jax.body import model_file, retime, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.console import Report
from vlogger_jax.controls import show
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.rate import Rate, count, exact_rate
from vlogger_jax.core.records import Camera, Controls, Motion
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.fit import solve
from vlogger_jax.media import audio_file, video_writer
from vlogger_jax.motion.manner import ALL, USUAL, Manner, Strength
from vlogger_jax.motion.perform import Performer
from vlogger_jax.motion.retarget import retarget
from vlogger_jax.portrait import Portrait
from vlogger_jax.video.conditions import Scene
from vlogger_jax.video.render import Renderer

FPS = 24.0

PART = 8
"""Frames whose controls are made together."""

REST_S = 0.4
"""Silence before and after a text, to be seen at rest."""

HEARD = 48_000
"""Samples a second of the sound of a video; the motion network hears fewer."""

Begin = Callable[[str], Report]


class Sound(NamedTuple):
    """What is heard.

    Attributes:
        waveform: samples in [-1, 1].
        rate: of these, a second.
    """

    waveform: Float32[np.ndarray, "s"]
    rate: int


def _silently(phase: str) -> Report:
    return lambda done: None


@dataclasses.dataclass(frozen=True, eq=False)
class Generation:
    """A video to be: everything is known but its frames, which are made when they are asked for.

    Attributes:
        portrait: of the person.
        motion: theirs, [t, ..], at the video's frame rate.
        heard: meanwhile; None: nothing.
        seed: of the frames; the motion is made.
        keep: whether the portrait stays as it is where nobody is or was.
    """

    renderer: Renderer
    portrait: Portrait
    motion: Motion
    heard: Sound | None
    seed: int
    keep: bool = True

    @property
    def camera(self) -> Camera:
        """Of the square that the networks see."""
        return self.portrait.camera

    @property
    def waveform(self) -> Float32[np.ndarray, "s"] | None:
        """What is heard, samples in [-1, 1]."""
        return None if self.heard is None else self.heard.waveform

    def __len__(self) -> int:
        return len(self.motion.transl)

    def controls(self, first: int, last: int) -> Controls:
        """What steers the frames from `first` up to `last`, the latter left out."""
        if not 0 <= first < last <= len(self):
            raise UserError(
                f"frames {first} to {last} of {len(self)}", "Give a first one below a last one within these"
            )
        scene, _ = self.portrait.stage.scene(smplx.frames_of(self.motion, slice(first, last)))
        return jax.tree.map(lambda each: each[0], scene.controls)

    def windows(self) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
        """The frames, some at a time, in memory that does not grow."""
        waiting: deque[Controls] = deque()
        for frames in self.renderer.stream(self._scenes(waiting), self.seed):
            yield np.concatenate(
                [self.portrait.stage.joined(frame[None], waiting.popleft(), self.keep) for frame in frames]
            )

    @property
    def frames(self) -> UInt8[np.ndarray, "t h w 3"]:
        """All of them at once: half a gigabyte for ten seconds of a portrait of 1024 x 768 pixels; see `windows`."""
        return np.concatenate(list(self.windows()))

    def save(self, path: str | Path, begin: Begin = _silently) -> None:
        """Write the video with its sound, whole or not at all.

        Args:
            path: ends in .mp4.
            begin: shows how far it is.

        Raises:
            UserError: if it cannot be written there.
        """
        report, made = begin("making frames"), 0
        with self.writer(path) as writer:
            for frames in self.windows():
                for frame in frames:
                    writer.write(frame)
                made += len(frames)
                report(made / len(self))

    def writer(self, path: str | Path) -> video_writer.Writer:
        """Of a video with its sound."""
        waveform, rate = self.heard or (None, HEARD)
        return video_writer.Writer(path, fps=self.motion.fps, waveform=waveform, rate=rate)

    def save_controls(self, path: str | Path, begin: Begin = _silently) -> None:
        """Write what steers the frames, as pictures (`controls.show`).

        Args:
            path: ends in .mp4.

        Raises:
            UserError: if it cannot be written there.
        """
        report, made = begin("writing controls"), 0
        with video_writer.Writer(path, fps=self.motion.fps) as writer:
            for scene in self._scenes(deque(maxlen=0)):
                shown = jax.tree.map(lambda each: each[0], scene.controls)
                for picture in show.pictures(shown, scene.reference[0]):
                    writer.write(picture)
                    made += 1
                report(made / len(self))

    def _scenes(self, waiting: deque[Controls]) -> Iterator[Scene]:
        """Of all frames, parts of them at a time; their controls in the portrait's pixels are left in `waiting`."""
        for begin in range(0, len(self), PART):
            # One program does for all parts, the last one too.
            which = np.minimum(np.arange(begin, begin + PART), len(self) - 1)
            scene, large = self.portrait.stage.scene(smplx.frames_of(self.motion, which))
            length = min(PART, len(self) - begin)
            waiting.extend(_part(large, slice(i, i + 1)) for i in range(length))
            yield scene._replace(controls=jax.tree.map(partial(_first, length), scene.controls))


@dataclasses.dataclass(frozen=True, eq=False)
class Vlogger:
    """The trained networks: one for the motion, and those for the frames.

    Attributes:
        body: that they know.
    """

    body: BodyModel
    performer: Performer
    renderer: Renderer

    @classmethod
    def load(cls, folder: str | Path | None = None, preset: str = "fast", size: int | None = None) -> "Vlogger":
        """Those of a bundle.

        Args:
            folder: that `launch.export` wrote; None: the one that comes with the package.
            preset: of `filming.PRESETS`.
            size: of the frames, pixels; None: the largest that it has networks for.

        Raises:
            UserError: if there is no such bundle, preset or size.
        """
        renderer = filming.renderer(folder, preset, size=size)
        return cls(model_file.default(), moving.performer(folder, preset), renderer)

    def generate(
        self,
        image: str | Path,
        audio: str | Path | None = None,
        text: str | None = None,
        *,
        voice: str = "en-us",
        seed: int = 0,
        fps: Rate = FPS,
        manner: Manner = USUAL,
        keep: bool = True,
        begin: Begin = _silently,
    ) -> Generation:
        """A video of the person of a picture, who says what is heard.

        Args:
            audio: a file of speech; or else `text`, said by `voice` of espeak-ng.
            seed: of motion and frames; the same one gives the same video.
            fps: frames/s.
            manner: how much of each part of the body moves, and how far.
            keep: whether the picture stays as it is where nobody is or was.
            begin: shows how far phases are.

        Raises:
            UserError: if the picture or the sound cannot be read, nobody is found, or there is not one of `audio` and
                `text`.
        """
        heard = sound(audio, text, voice)
        person = self.portrait(image, begin)
        return self.perform(person, heard, seed=seed, fps=fps, manner=manner, keep=keep, begin=begin)

    def perform(
        self,
        person: Portrait,
        heard: Sound,
        *,
        seed: int = 0,
        fps: Rate = FPS,
        manner: Manner = USUAL,
        keep: bool = True,
        begin: Begin = _silently,
    ) -> Generation:
        """The same of a portrait and a sound that are there."""
        rate, report = exact_rate(fps), begin("moving the body")
        take = moving.take(self.body, person.motion, person.visible, seed=seed, manner=manner)
        waveform = soxr.resample(*heard, mel.RATE).astype(np.float32)
        parts = (
            jax.tree.map(lambda each: each[0], part) for part in self.performer.stream([waveform], person.motion, take)
        )
        frames = count(Fraction(len(heard.waveform), heard.rate), rate)
        motion = smplx.joined(*retime.stream(parts, rate, frames))
        report(1.0)
        return Generation(self.renderer, person, motion, heard, seed, keep)

    def follow(
        self,
        person: Portrait,
        motion: Motion,
        heard: Sound | None = None,
        *,
        seed: int = 0,
        fps: Rate = FPS,
        strength: Strength = ALL,
        keep: bool = True,
    ) -> Generation:
        """A video in which the person does what another one did: their face as it was, the body from its own pose.

        Args:
            motion: of somebody else, with the body that the networks know, such as `vlogger fit` finds in a video. Its
                first frame corresponds to the pose of the portrait.
            heard: meanwhile.
            strength: of the parts of the body.

        Raises:
            UserError: if the motion was made with another body.
        """
        moved = retarget(motion, smplx.frames_of(motion, slice(0, 1)), person.motion, strength)
        shown = smplx.joined(*retime.stream([moved], exact_rate(fps)))
        return Generation(self.renderer, person, shown, heard, seed, keep)

    def portrait(self, image: str | Path, begin: Begin = _silently) -> Portrait:
        """The person of a picture.

        Raises:
            UserError: if the picture cannot be read, or shows nobody.
        """
        source = fitting.picture(Path(image))
        found = fitting.detect(source, None, begin("finding the person"))
        return self.portrait_of(next(source.frames()), found, source.focal, begin)

    def portrait_of(
        self,
        picture: UInt8[np.ndarray, "h w 3"],
        found: marks.Landmarks,
        focal: float | None = None,
        begin: Begin = _silently,
    ) -> Portrait:
        """The same with landmarks that are known."""
        fit = solve.fit(self.body, found, focal=focal, report=begin("fitting the body"))
        return portraits.of(self.body, fit, picture)


def sound(audio: str | Path | None = None, text: str | None = None, voice: str = "en-us") -> Sound:
    """Of a file, or of a text that is said.

    Raises:
        UserError: if there is not one of both, or the file cannot be read.
    """
    if (audio is None) == (text is None):
        raise UserError("give one of audio and text", 'For example text="Hello!"')
    if audio is not None:
        return Sound(audio_file.read(audio, HEARD), HEARD)
    with Espeak() as engine:
        speech = engine.speak(text, Voice(voice))
    return Sound(np.pad(speech.waveform, round(REST_S * speech.rate)), speech.rate)


def _part(controls: Controls, which: slice) -> Controls:
    return jax.tree.map(lambda each: np.asarray(each[which]), controls)


def _first(length: int, values: np.ndarray) -> np.ndarray:
    return values[:, :length]
