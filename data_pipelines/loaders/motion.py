"""Motion windows: what the motion network is trained on. One sample is part of one clip; an epoch has each clip once.

Beyond `length` the motion repeats its last frame; the sound goes on as it does in the clip, since the network hears a
little ahead, and after the clip there is silence.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from data_pipelines.avatars.acting import visemes
from data_pipelines.loaders.overheard import Overheard
from data_pipelines.loaders.samples import Sample, Spec, shaped
from data_pipelines.schema import BadExample, Clip
from vlogger_jax.audio import hearing, mel
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float32, Int, UInt8

FULL_SCALE = 32767
"""What 1 is in `Clip.waveform`."""

UNKNOWN = 255
"""In `viseme`: the clip's phonemes are not known."""


@dataclass(frozen=True)
class Motions:
    """What windows to make.

    Attributes:
        shortest, longest: frames; clips that are shorter are taken whole.
        hearing: what is made of the sound, as `audio.hearing.named` reads it.
        overheard: what is put into the sound of training.
        fps: frames/s that clips must have; None: any.
        silent: root mean square, of full scale, below which a clip has no sound and is bad.
        remembered: clips that are kept in memory once they were read, 400 KB each for ten seconds.
    """

    shortest: int = 48
    longest: int = 192
    hearing: Any = "log_mel"
    overheard: Overheard = field(default_factory=Overheard)
    fps: float | int | None = None
    silent: float | int = 1e-4
    remembered: int = 0

    def __post_init__(self) -> None:
        hearing.named(self.hearing)
        if not 1 <= self.shortest <= self.longest or self.remembered < 0:
            raise UserError(
                f"windows of {self.shortest} to {self.longest} frames, {self.remembered} clips remembered",
                "Give 1 <= shortest <= longest, and 0 or more",
            )


class Known(NamedTuple):
    """A clip with its sound as mel bands, float16, and no waveform."""

    clip: Clip
    mel: np.ndarray


@dataclass(frozen=True, eq=False)
class MotionWindows:
    """Windows of clips, as `samples.Samples`.

    Attributes:
        clips: each a `Clip`, read or made when it is asked for.
        body: of the clips.
        config: what to make of them.
    """

    clips: Sequence
    body: BodyModel
    config: Motions = Motions()
    _known: dict[int, Known] = field(default_factory=dict, init=False, repr=False)

    @property
    def spec(self) -> Spec:
        """T is `config.longest`, w the width of `config.hearing`."""
        longest, still = self.config.longest, smplx.rest_motion(self.body)
        window = {name: shaped(np.float32, longest, *value.shape[1:]) for name, value in _varying(still).items()}
        reference = {f"reference_{name}": shaped(np.float32, *value.shape) for name, value in _varying(still).items()}
        return {
            "heard": shaped(np.float32, longest, mel.COLUMNS, hearing.named(self.config.hearing).width),
            "betas": shaped(np.float32, self.body.num_betas),
            **window,
            **reference,
            "visible": shaped(np.float32, 3),
            "viseme": shaped(np.uint8, longest),
            "length": shaped(np.int32),
        }

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """A window of clip `number`, of any length, anywhere, each as likely.

        Returns:
            heard [T, 4, w] as `audio.hearing` makes it, having heard the clip from its beginning; the fields of
            `Motion`: betas [nb], others [T, ..]; reference_* [1, ..], the same of any one frame of the clip; visible
            [3], how much the reference shows of torso, left hand and right hand; viseme [T], which of
            `avatars.acting.visemes.NAMES` is seen, or `UNKNOWN`; length [], frames that are not padding.

        Raises:
            BadExample: if the clip cannot be read, or is silent.
            UserError: if it is of another body: so are the others.
        """
        clip, sound = self._clip(number)
        frames, longest = len(clip.motion.transl), self.config.longest
        most = min(longest, frames)
        length = int(rng.integers(min(self.config.shortest, most), most + 1))
        start = int(rng.integers(frames - length + 1))
        rows = np.minimum(np.arange(start, start + longest), start + length - 1)
        reference = int(rng.integers(frames))
        window, still = (smplx.frames_of(clip.motion, which) for which in (rows, np.array([reference])))
        seen = (part[reference] for part in (clip.quality.torso, clip.quality.left_hand, clip.quality.right_hand))
        return {
            "heard": self._hear(sound, clip.motion.fps, start, rng),
            "betas": clip.motion.betas,
            **_varying(window),
            **{f"reference_{name}": value for name, value in _varying(still).items()},
            "visible": np.array(list(seen), np.float32),
            "viseme": _visemes(clip, rows),
            "length": np.asarray(length, np.int32),
        }

    def _clip(self, number: int) -> Known:
        if number in self._known:
            return self._known[number]
        clip = self.clips[number]
        self._check_body(clip)
        if (level := _level(clip.waveform)) < self.config.silent:
            raise BadExample(f"clip {number} ({clip.identity}) is silent: {level:.1e} of full scale", "Leave it out")
        sound = mel.mel(clip.waveform.astype(np.float32) / FULL_SCALE, clip.motion.fps).mel
        known = Known(dataclasses.replace(clip, waveform=np.zeros(0, np.int16)), sound.astype(np.float16))
        if len(self._known) < self.config.remembered:
            self._known[number] = known
        return known

    def _hear(
        self, sound: np.ndarray, fps: float | int, start: int, rng: np.random.Generator
    ) -> Float32[np.ndarray, "t 4 w"]:
        """From frame `start` on, silence after the end."""
        longest = self.config.longest
        bands = self.config.overheard(sound[: start + longest].astype(np.float32), rng)
        after = hearing.silence(max(start + longest - len(bands), 0))
        heard, _ = hearing.named(self.config.hearing).hear(np.concatenate([bands, after]), fps)
        return heard[start:]

    def _check_body(self, clip: Clip) -> None:
        motion, body = clip.motion, self.body
        found = (motion.body, motion.betas.shape[-1], motion.expression.shape[-1])
        if found != (wanted := (body.name, body.num_betas, body.num_expression)):
            raise UserError(
                f"clip {clip.clip} ({clip.identity}) is of the body {_named(*found)}, not {_named(*wanted)}",
                "Give the body that the clips are of",
            )
        # 23.976 frames/s count as 24.
        if self.config.fps is not None and abs(motion.fps / self.config.fps - 1) > 0.002:
            raise UserError(
                f"clip {clip.clip} ({clip.identity}) has {motion.fps} frames/s, not {self.config.fps}",
                "Set config.model.fps to those of the data set, or make one of that rate",
            )


def _named(body: str, betas: int, expressions: int) -> str:
    return f"{body!r} with {betas} coefficients of shape and {expressions} of expression"


def _level(waveform: Int[np.ndarray, "s"]) -> float:
    return math.sqrt(float(np.square(waveform, dtype=np.float32).mean())) / FULL_SCALE if len(waveform) else 0.0


def _visemes(clip: Clip, rows: Int[np.ndarray, "t"]) -> UInt8[np.ndarray, "t"]:
    if not clip.phonemes:
        return np.full(len(rows), UNKNOWN, np.uint8)
    starts, shown = visemes.track(clip.phonemes)
    heard = np.searchsorted(starts, rows / clip.motion.fps, side="right") - 1
    return shown[np.maximum(heard, 0)]


def _varying(motion: Motion) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(motion).items() if name not in ("betas", "fps", "body")}
