"""What is one person's own in how they act, drawn once a clip: numbers only, so that two clips can share it."""

from dataclasses import dataclass

import numpy as np

MOODS = ("neutral", "warm", "serious", "excited", "sad", "worried", "surprised", "sceptical", "tense")
_MOOD_SHARES = (0.24, 0.22, 0.12, 0.12, 0.06, 0.07, 0.05, 0.06, 0.06)

REST_POSES = ("hanging", "clasped", "lap", "raised", "one raised", "folded high")
"""Where the hands are while they do not gesture; from `raised` on at the height of the chest."""

_LOW, _HIGH = slice(0, 3), slice(3, 6)


@dataclass(frozen=True)
class Lips:
    """How somebody articulates.

    Attributes:
        jaw: how far the jaw opens; 1 is a lively speaker.
        rounding, spread, show: how much lips are rounded, drawn aside, and bare the teeth.
        press: how hard lips are pressed together.
        lead: seconds by which lips move before a sound after a pause.
        linger: seconds until they rest after the last one.
        ahead: seconds by which they are ahead in running speech.
        jitter: standard deviation of the time of each sound's gesture, seconds.
        skew: one corner of the mouth does this much more than the other, as a part.
    """

    jaw: float
    rounding: float
    spread: float
    show: float
    press: float
    lead: float
    linger: float
    ahead: float
    jitter: float
    skew: float


@dataclass(frozen=True)
class Face:
    """Mood, brows, eyes.

    Attributes:
        mood: one of `MOODS`.
        strength: of the mood, 0 to 1.
        brows: how much brows move with stress; 1 is lively.
        blink_rate: blinks/s.
        blink_length: seconds from open to open.
        lids: how far the upper lids hang at rest, 0 to 0.3.
        wandering: the share of time that the eyes spend off the camera.
    """

    mood: str
    strength: float
    brows: float
    blink_rate: float
    blink_length: float
    lids: float
    wandering: float


@dataclass(frozen=True)
class Head:
    """Head, torso and breath.

    Attributes:
        lively: of all head motion; 1 is usual.
        nod: size of nods on stressed syllables.
        turn: radians; spread of how far the head turns aside from phrase to phrase.
        sway: metres; how far the torso shifts from posture to posture.
        lean: radians (x, y, z) of the torso the person idles at.
        pose: radians (x, y, z) of the head the person idles at.
        breath_rate: breaths/s at rest.
        breath_depth: radians by which the collars rise.
    """

    lively: float
    nod: float
    turn: float
    sway: float
    lean: tuple[float, float, float]
    pose: tuple[float, float, float]
    breath_rate: float
    breath_depth: float


@dataclass(frozen=True)
class Arms:
    """Arms and hands.

    Attributes:
        rest: one of `REST_POSES`.
        rate: the share of stressed syllables that the hands beat on.
        size: of gestures; 1 is usual.
        left: the share of one-handed gestures made with the left hand.
        both: the share of gestures made with both hands.
        held: `left` or `right`: the hand that holds something and stays calm; empty for none.
        seed: of the person's own way to hold arms and fingers.
    """

    rest: str
    rate: float
    size: float
    left: float
    both: float
    held: str
    seed: int


@dataclass(frozen=True)
class Style:
    """Everything individual about a performance but the voice and the body."""

    lips: Lips
    face: Face
    head: Head
    arms: Arms


def sample(rng: np.random.Generator, tall: bool = True, held: str | None = None) -> Style:
    """Somebody's way to act.

    Args:
        tall: whether the picture has room for hands; then they are raised more often, and the torso moves more.
        held: `left` or `right` if that hand holds something.
    """
    energy = float(np.clip(rng.normal(1.0, 0.25), 0.5, 1.6))  # lively people are lively all over

    def about(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, spread), low, high))

    lips = Lips(
        jaw=about(0.95 * energy**0.5, 0.12, 0.6, 1.25),
        rounding=about(0.95, 0.12, 0.65, 1.2),
        spread=about(0.9, 0.2, 0.5, 1.3),
        show=about(0.9, 0.25, 0.4, 1.4),
        press=about(1.0, 0.2, 0.6, 1.4),
        lead=about(0.12, 0.01, 0.1, 0.14),
        linger=about(0.135, 0.01, 0.12, 0.15),
        ahead=about(0.03, 0.01, 0.01, 0.05),
        jitter=about(0.008, 0.003, 0.003, 0.013),
        skew=about(0.0, 0.07, -0.15, 0.15),
    )
    face = Face(
        mood=str(rng.choice(MOODS, p=_MOOD_SHARES)),
        strength=about(0.7, 0.2, 0.3, 1.0),
        brows=about(0.8 * energy, 0.3, 0.1, 1.6),
        blink_rate=about(0.3, 0.05, 0.2, 0.4),
        blink_length=about(0.2, 0.025, 0.15, 0.25),
        lids=about(0.08, 0.06, 0.0, 0.25),
        wandering=about(0.2, 0.1, 0.04, 0.45),
    )
    head = Head(
        lively=about(energy, 0.2, 0.5, 1.7),
        nod=about(energy, 0.3, 0.2, 1.8),
        turn=float(np.deg2rad(about(8.0, 5.0, 2.0, 20.0))),
        sway=(1.0 if tall else 0.7) * float(np.clip(0.024 * np.exp(rng.normal(0.0, 0.4)), 0.01, 0.06)),
        lean=tuple(np.deg2rad(np.clip(rng.normal((1, 0, 0), (3, 5, 1.5)), (-5, -12, -4), (9, 12, 4))).tolist()),
        pose=tuple(np.deg2rad(np.clip(rng.normal((1, 0, 0), (3, 4, 2.5)), (-6, -9, -6), (8, 9, 6))).tolist()),
        breath_rate=about(0.27, 0.035, 0.2, 0.35),
        breath_depth=float(np.deg2rad(about(2.0, 0.5, 1.0, 3.5))),
    )
    high = rng.random() < (0.48 if tall else 0.42)
    arms = Arms(
        rest=str(rng.choice(REST_POSES[_HIGH] if high else REST_POSES[_LOW])),
        rate=about(0.55 * energy, 0.2, 0.15, 0.9),
        size=about(energy, 0.2, 0.5, 1.5),
        left=float(np.clip(rng.normal(0.25 if rng.random() < 0.85 else 0.75, 0.12), 0.0, 1.0)),
        both=float(rng.uniform(0.2, 0.8)),
        held=held or "",
        seed=int(rng.integers(1 << 31)),
    )
    return Style(lips, face, head, arms)
