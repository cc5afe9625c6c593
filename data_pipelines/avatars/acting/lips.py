"""Lips, jaw and tongue from phonemes, with coarticulation.

Every sound pulls each articulator towards its target for longer than it is heard, by its dominance (Cohen and Massaro
1993); rounded lips reach farthest. Fast speech therefore undershoots, and repeated shapes merge. What cannot be
undershot (closed lips, lip at the teeth, closed teeth) is held in at least one frame, however short the sound is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.acting import visemes
from data_pipelines.avatars.acting.arkit import column, columns
from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.acting.signals import smoothstep, wander
from data_pipelines.avatars.style import Lips
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import names
from vlogger_jax.core.typing import Float

_JAW, _PUCKER, _FUNNEL, _STRETCH, _SMILE, _UPPER, _LOWER, _SHRUG, _TONGUE = range(len(visemes.CHANNELS))

_REACH = {  # channels -> seconds before and after a sound within which its pull falls to a fifth
    (_JAW,): (0.060, 0.065),
    (_PUCKER, _FUNNEL): (0.105, 0.090),
    (_STRETCH, _SMILE, _UPPER, _LOWER, _SHRUG): (0.070, 0.070),
    (_TONGUE,): (0.040, 0.040),
}
_CORE = (0.2, 0.3)  # parts of a sound, from its start and its end, outside of the stretch of its full pull
_SETTLE = (0.17, 0.17)  # seconds that silence leaves to the sounds before and after it
_STRESS = (0.75, 0.92, 1.12)
_FULL_VOWEL = 0.13  # seconds: shorter vowels do not open as far
_HOLD = (0.32, 0.35)  # as _CORE, of what is held
_EFFORT = 0.08  # by how much the jaw opens more where somebody speaks up
_APPROACH, _RELEASE = 0.055, 0.048  # seconds that a held shape takes to come and go


@dataclass(frozen=True)
class Held:
    """How far each hard constraint holds, 0 to 1."""

    closed: Float[np.ndarray, "t"]
    bitten: Float[np.ndarray, "t"]
    teeth: Float[np.ndarray, "t"]


@dataclass(frozen=True)
class Track:
    """What the lips do.

    Attributes:
        channels: of `visemes.CHANNELS`.
        held: the hard constraints.
        speaking: 0 at rest, 1 in speech.
    """

    channels: Float[np.ndarray, "t k"]
    held: Held
    speaking: Float[np.ndarray, "t"]


def track(
    phonemes: Sequence[Phoneme],
    rhythm: Rhythm,
    lips: Lips,
    rng: np.random.Generator,
    times: Float[np.ndarray, "t"],
    fps: float | int,
) -> Track:
    """The articulators at `times`, seconds, of frames that are 1/fps apart."""
    speaking = rhythm.speaking(times, lips.lead, lips.linger)
    sounds = _sounds(phonemes, lips, rng)
    if sounds is None:
        still = np.zeros(len(times))
        return Track(np.zeros((len(times), len(visemes.CHANNELS))), Held(still, still, still), still)
    start, end, target, dominance, constraint, first, last = sounds
    channels = np.empty((len(times), len(visemes.CHANNELS)))
    ahead = times[:, None] + lips.ahead
    before, after = np.maximum(first - ahead, 0.0), np.maximum(ahead - last, 0.0)
    for group, (attack, decay) in _REACH.items():
        distance = before / attack + after / decay  # at most one of them is not 0
        pull = np.exp(-distance * (0.6 + distance))
        group = list(group)
        weight = dominance[:, group]
        channels[:, group] = (pull @ (weight * target[:, group])) / (pull @ weight + 1e-9)
    channels *= speaking[:, None]
    channels[:, _JAW] *= 1.0 + _EFFORT * wander(rng, len(times), fps, 0.1, 0.6).clip(-2.0, 2.0)

    def held(which: int) -> np.ndarray:
        chosen = constraint == which
        if not chosen.any():
            return np.zeros(len(times))
        length = end[chosen] - start[chosen]
        # Half a frame on either side: whatever is shorter than a frame still meets one.
        low = start[chosen] + _HOLD[0] * length - 0.5 / fps
        high = end[chosen] - _HOLD[1] * length + 0.5 / fps
        away = np.maximum(low - times[:, None], 0.0) / _APPROACH + np.maximum(times[:, None] - high, 0.0) / _RELEASE
        return smoothstep(1.0 - away.min(axis=1))

    return Track(channels, Held(*map(held, (visemes.CLOSED, visemes.BITTEN, visemes.TEETH))), speaking)


def _sounds(phonemes: Sequence[Phoneme], lips: Lips, rng: np.random.Generator) -> tuple[np.ndarray, ...] | None:
    """Start, end, targets, dominances, constraint and the stretch of full pull of every viseme; None of no speech."""
    rows: list[tuple[float, float, visemes.Viseme, int]] = []
    for phoneme in phonemes:
        parts = visemes.of(phoneme.ipa)
        # The first part of a diphthong or an affricate is the longer one.
        shares = np.cumsum([0.0, *(1.5 if i == 0 and len(parts) > 1 else 1.0 for i in range(len(parts)))])
        shares *= (phoneme.end - phoneme.start) / shares[-1]
        for i, part in enumerate(parts):
            rows.append((phoneme.start + shares[i], phoneme.start + shares[i + 1], part, phoneme.stress))
    rows = [row for row in rows if row[1] > row[0]]
    if all(part is visemes.REST for _, _, part, _ in rows):
        return None
    start, end = np.array([row[:2] for row in rows]).T
    parts = [row[2] for row in rows]
    target, dominance = (np.array([getattr(part, field) for part in parts]) for field in ("target", "dominance"))
    silent = np.array([part is visemes.REST for part in parts])
    vowel = np.array([part.vowel for part in parts])
    length = end - start
    gain = np.array(_STRESS)[[row[3] for row in rows]] * (0.7 + 0.3 * np.minimum(length / _FULL_VOWEL, 1.0))
    gain *= 1.0 + 0.07 * rng.standard_normal(len(rows)).clip(-2, 2)
    target[:, _JAW] *= np.where(vowel, gain, 1.0)
    shift = lips.jitter * rng.standard_normal(len(rows)).clip(-1.2, 1.2)
    first = np.where(silent, np.minimum(start + _SETTLE[0], 0.5 * (start + end)), start + _CORE[0] * length + shift)
    last = np.where(silent, np.maximum(end - _SETTLE[1], first), end - _CORE[1] * length + shift)
    constraint = np.array([part.constraint for part in parts])
    return start, end, target, dominance, constraint, first, np.maximum(last, first)


def expression(track: Track, lips: Lips) -> Float[np.ndarray, "t 52"]:
    """ARKit coefficients of mouth, jaw and tongue; 0 at rest."""
    gains = {_JAW: lips.jaw, _PUCKER: lips.rounding, _FUNNEL: lips.rounding, _STRETCH: lips.spread}
    gains |= {_SMILE: lips.spread, _UPPER: lips.show, _LOWER: lips.show}
    values = {i: gains.get(i, 1.0) * track.channels[:, i] for i in range(len(visemes.CHANNELS))}
    bitten, teeth, closed = track.held.bitten, track.held.teeth, track.held.closed
    keep, open_ = 1.0 - 0.75 * bitten, 1.0 - closed
    jaw = values[_JAW] + teeth * (np.minimum(values[_JAW], 0.05) - values[_JAW])
    jaw = jaw + bitten * (0.08 - jaw)
    jaw = jaw + closed * (np.minimum(jaw, 0.12) - jaw)
    found = np.zeros((len(jaw), len(names.EXPRESSIONS)))

    def put(name: str, value: np.ndarray) -> None:
        for side, index in columns(name):
            found[:, index] = value * (1.0 + side * lips.skew)

    found[:, column("jawOpen")] = jaw
    found[:, column("mouthClose")] = closed * jaw
    found[:, column("mouthPucker")] = values[_PUCKER] * keep * (1.0 - 0.5 * closed)
    found[:, column("mouthFunnel")] = values[_FUNNEL] * keep * (1.0 - 0.9 * closed)
    pressed = lips.press * smoothstep(2.0 * closed - 1.0)  # lips press only once they meet
    found[:, column("mouthRollUpper")] = 0.28 * pressed
    found[:, column("mouthRollLower")] = 0.28 * pressed + 0.55 * bitten * open_
    found[:, column("mouthShrugUpper")] = values[_SHRUG] * keep * open_
    found[:, column("tongueOut")] = values[_TONGUE] * open_ * (1.0 - bitten)
    put("mouthPress", 0.5 * pressed)
    put("mouthStretch", values[_STRETCH] * (1.0 - 0.5 * closed))
    put("mouthSmile", values[_SMILE] * (1.0 - 0.5 * closed))
    put("mouthUpperUp", np.maximum(values[_UPPER], 0.42 * bitten) * open_)
    put("mouthLowerDown", values[_LOWER] * keep * open_)
    return found.clip(0.0, 1.0)
