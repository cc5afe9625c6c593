"""Motion windows: what the motion network is trained on. One sample is part of one clip; an epoch has each clip once.

Beyond `length` the motion repeats its last frame; the sound goes on as it does in the clip, since the network hears a
little ahead, and after the clip there is silence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from data_pipelines.loaders.samples import Sample, Spec, shaped
from data_pipelines.schema import BadExample, Clip
from vlogger_jax.audio import mel
from vlogger_jax.body import smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core import rate as rates
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float32, Int, UInt8

FULL_SCALE = 32767
"""What 1 is in `Clip.waveform`."""

UNKNOWN = 2
"""In `spoken`: the clip's phonemes are not known."""


@dataclass(frozen=True)
class Motions:
    """What windows to make.

    Attributes:
        shortest, longest: frames; clips that are shorter are taken whole.
        silent: root mean square, of full scale, below which a clip has no sound and is bad.
    """

    shortest: int = 48
    longest: int = 192
    silent: float | int = 1e-4

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise UserError(f"windows of {self.shortest} to {self.longest} frames", "Give 1 <= shortest <= longest")


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

    @property
    def spec(self) -> Spec:
        """T is `config.longest`."""
        longest, still = self.config.longest, smplx.rest_motion(self.body)
        window = {name: shaped(np.float32, longest, *value.shape[1:]) for name, value in _varying(still).items()}
        reference = {f"reference_{name}": shaped(np.float32, *value.shape) for name, value in _varying(still).items()}
        return {
            "mel": shaped(np.float32, longest, mel.COLUMNS, mel.BANDS),
            "betas": shaped(np.float32, self.body.num_betas),
            **window,
            **reference,
            "visible": shaped(np.float32, 3),
            "spoken": shaped(np.uint8, longest),
            "length": shaped(np.int32),
        }

    def __len__(self) -> int:
        return len(self.clips)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """A window of clip `number`, of any length, anywhere, each as likely.

        Returns:
            mel [T, 4, 80] as `audio.mel`; the fields of `Motion`: betas [nb], others [T, ..]; reference_* [1, ..], the
            same of any one frame of the clip; visible [3], how much the reference shows of torso, left hand and right
            hand; spoken [T]: 1 where there is speech, 0 silence, 2 not known; length [], frames that are not padding.

        Raises:
            BadExample: if the clip cannot be read, or is silent.
            UserError: if it is of another body: so are the others.
        """
        clip = self.clips[number]
        self._check_body(clip)
        if (level := _level(clip.waveform)) < self.config.silent:
            raise BadExample(f"clip {number} ({clip.identity}) is silent: {level:.1e} of full scale", "Leave it out")
        frames, longest = len(clip.motion.transl), self.config.longest
        most = min(longest, frames)
        length = int(rng.integers(min(self.config.shortest, most), most + 1))
        start = int(rng.integers(frames - length + 1))
        rows = np.minimum(np.arange(start, start + longest), start + length - 1)
        reference = int(rng.integers(frames))
        window, still = (smplx.frames_of(clip.motion, which) for which in (rows, np.array([reference])))
        seen = (part[reference] for part in (clip.quality.torso, clip.quality.left_hand, clip.quality.right_hand))
        return {
            "mel": hear(clip.waveform, clip.motion.fps, start, longest),
            "betas": clip.motion.betas,
            **_varying(window),
            **{f"reference_{name}": value for name, value in _varying(still).items()},
            "visible": np.array(list(seen), np.float32),
            "spoken": _spoken(clip, rows),
            "length": np.asarray(length, np.int32),
        }

    def _check_body(self, clip: Clip) -> None:
        motion, body = clip.motion, self.body
        found = (motion.body, motion.betas.shape[-1], motion.expression.shape[-1])
        if found != (wanted := (body.name, body.num_betas, body.num_expression)):
            raise UserError(
                f"clip {clip.clip} ({clip.identity}) is of the body {_named(*found)}, not {_named(*wanted)}",
                "Give the body that the clips are of",
            )


def hear(
    waveform: Int[np.ndarray, "s"], fps: float | int, start: int, frames: int
) -> Float32[np.ndarray, "{frames} 4 80"]:
    """Some frames of `mel.mel` of the whole sound, to the bit, from no more of it than they need; then silence.

    Args:
        waveform: 16-bit, 16,000 samples/s.
    """
    samples = Fraction(mel.RATE) / rates.exact_rate(fps)
    before = math.ceil(mel.WINDOW / samples)
    first = max(start - before, 0) // samples.denominator * samples.denominator  # begins with a whole sample
    begin, end = int(first * samples), math.ceil((start + frames) * samples) + mel.WINDOW
    heard = waveform[begin:end].astype(np.float32) / FULL_SCALE
    heard = np.pad(heard, (0, end - begin - len(heard)))
    return mel.mel(heard, fps).mel[start - first :][:frames]


def _named(body: str, betas: int, expressions: int) -> str:
    return f"{body!r} with {betas} coefficients of shape and {expressions} of expression"


def _level(waveform: Int[np.ndarray, "s"]) -> float:
    return math.sqrt(float(np.square(waveform, dtype=np.float32).mean())) / FULL_SCALE if len(waveform) else 0.0


def _spoken(clip: Clip, rows: Int[np.ndarray, "t"]) -> UInt8[np.ndarray, "t"]:
    if not clip.phonemes:
        return np.full(len(rows), UNKNOWN, np.uint8)
    starts = [phoneme.start for phoneme in clip.phonemes[1:]]
    heard = np.searchsorted(starts, rows / clip.motion.fps, side="right")
    return np.array([bool(phoneme.ipa) for phoneme in clip.phonemes], np.uint8)[heard]


def _varying(motion: Motion) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(motion).items() if name not in ("betas", "fps", "body")}
