"""What the hands do and when: a plan of poses to reach and beats to strike, every stroke on a stressed vowel.

A gesture is prepared, struck, held and taken back (Kendon 2004, "Gesture", chapter 7). Who rests with the hands down
raises them for some stretches of speech and lowers them in the pause after.
"""

from dataclasses import dataclass, field

import numpy as np

from data_pipelines.avatars.acting.arm_poses import ANGLES, SIZE, arm
from data_pipelines.avatars.acting.rhythm import Rhythm
from data_pipelines.avatars.style import Arms
from vlogger_jax.core.typing import Float

SIDES = ("left", "right")

_SHAPES: dict[str, tuple[float, tuple[str, ...], bool]] = {  # share, hands that go with it, whether both hands may
    "palm up": (0.22, ("open", "soft"), True),
    "palm down": (0.10, ("flat", "soft", "open"), True),
    "chop": (0.16, ("flat", "soft"), True),
    "point up": (0.10, ("pointing", "two", "three", "pinch"), False),
    "chest": (0.07, ("soft", "flat"), False),
    "wide": (0.12, ("open", "soft"), True),
    "wide up": (0.08, ("open",), True),
    "front": (0.05, ("open", "flat"), True),
    "high": (0.06, ("cupped", "open", "pinch"), True),
    "far": (0.10, ("open", "soft", "cupped"), True),
}
_FOLDED = {"clasped": "clasped", "folded high": "folded"}
_NAMES = tuple(_SHAPES)
_SHARES = np.array([share for share, _, _ in _SHAPES.values()]) / sum(share for share, _, _ in _SHAPES.values())

_BETWEEN_SHAPES, _BETWEEN_BEATS = 0.75, 0.24  # seconds at least
_HOLD = (0.6, 1.8)  # seconds that a shape is held before the hand goes back
_LATE = 0.8  # seconds: hands come down only in a longer pause


@dataclass
class Plan:
    """What one arm does.

    Attributes:
        home: where it is before anything else.
        reached: seconds at which each pose is reached.
        lasting: seconds that it takes to get there.
        poses: as `arm_poses.arm`.
        beats: seconds of each beat's stroke, and its size.
    """

    home: Float[np.ndarray, "18"]
    reached: list[float] = field(default_factory=list)
    lasting: list[float] = field(default_factory=list)
    poses: list[np.ndarray] = field(default_factory=list)
    beats: list[tuple[float, float]] = field(default_factory=list)

    @property
    def now(self) -> np.ndarray:
        """The last pose planned."""
        return self.poses[-1] if self.poses else self.home

    def go(self, pose: np.ndarray, time: float, lasting: float) -> None:
        """Reach `pose` at `time`, after what is planned already."""
        start = max(time - lasting, self.reached[-1] - 0.3 * self.lasting[-1]) if self.reached else time - lasting
        self.reached.append(max(time, start + 0.6 * lasting))
        self.lasting.append(self.reached[-1] - start)
        self.poses.append(pose)


@dataclass(frozen=True)
class _Own:
    """Where somebody's hands rest, and where they are ready to gesture."""

    rest: np.ndarray
    ready: np.ndarray
    rests_low: bool


def _own(arms: Arms) -> dict[str, _Own]:
    own = np.random.default_rng(arms.seed)
    lead = "left" if arms.left > 0.5 else "right"
    lower = "hanging" if arms.rest == "hanging" or own.random() < 0.5 else "lap"
    found = {}
    for side in SIDES:
        ready = arm("ready" if own.random() < 0.7 else "chop", str(own.choice(("relaxed", "soft", "cupped"))))
        ready = ready + _noise(own, 4.0)
        folded = str(own.choice(("relaxed", "cupped")))
        lowered = arm(lower if arms.rest != "lap" else "lap") + _noise(own, 2.5)
        if side == arms.held:
            rest, low = arm("ready" if own.random() < 0.6 else "low ready") + _noise(own, 3.0), False
        elif arms.rest in _FOLDED:
            name = _FOLDED[arms.rest]
            rest, low = arm(name if side == lead else f"{name} over", folded), arms.rest == "clasped"
        elif arms.rest in ("hanging", "lap") or (arms.rest == "one raised" and side != lead):
            rest, low = lowered, True
        else:
            rest, low = ready, False
        found[side] = _Own(rest, ready, low)
    return found


def _noise(rng: np.random.Generator, degrees: float) -> np.ndarray:
    found = np.zeros(SIZE)
    found[ANGLES] = degrees * rng.standard_normal(12).clip(-1.6, 1.6) * ([0.3] * 3 + [1.0] * 9)
    return found


def home(arms: Arms) -> dict[str, Float[np.ndarray, "18"]]:
    """The arms, by side, while they rest."""
    return {side: own.rest for side, own in _own(arms).items()}


def held_up(arms: Arms, rng: np.random.Generator) -> dict[str, Float[np.ndarray, "18"]]:
    """The arms that are up in one moment of a gesture, by side."""
    own = _own(arms)
    sides = _choose([side for side in SIDES if side != arms.held], arms, rng)
    name, pose = _shape(arms, rng)
    if len(sides) == 2 and not _SHAPES[name][2]:
        sides = ["left" if rng.random() < arms.left else "right"]
    ready = rng.random() < 0.3
    return {side: own[side].ready if ready else pose + _noise(rng, 2.0) for side in sides}


def plan(arms: Arms, rhythm: Rhythm, rng: np.random.Generator) -> dict[str, Plan]:
    """What both arms do, by side."""
    own = _own(arms)
    plans = {side: Plan(own[side].rest) for side in SIDES}
    free = [side for side in SIDES if side != arms.held]
    run_of = np.searchsorted(rhythm.runs[:, 0], rhythm.stressed, side="right") - 1
    for number, (start, end) in enumerate(rhythm.runs):
        own_run = run_of == number
        accents = np.stack([rhythm.stressed[own_run], rhythm.strength[own_run]], axis=-1).tolist()
        up = [side for side in free if not own[side].rests_low or _is_up(plans[side], own[side])]
        low = [side for side in free if side not in up]
        if accents and low and rng.random() < 0.15 + 0.45 * arms.rate:
            raised = _choose(low, arms, rng)
            first = max(accents[0][0] - 0.15, start)
            for side in raised:
                plans[side].go(own[side].ready, first + rng.uniform(0.0, 0.06), rng.uniform(0.6, 0.85))
            up = up + raised
        if up:
            _speak(up, accents, own, plans, arms, rng)
        following = rhythm.runs[number + 1, 0] if number + 1 < len(rhythm.runs) else np.inf
        if following - end > _LATE:
            back = rng.uniform(0.7, 1.1)
            for side in free:
                if plans[side].now is not plans[side].home:
                    plans[side].go(own[side].rest, end + 0.1 + back + rng.uniform(0.0, 0.1), back)
    return plans


def _shape(arms: Arms, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """A gesture's name, and the pose it is held in."""
    name = str(rng.choice(_NAMES, p=_SHARES))
    size = float(np.clip(arms.size * rng.uniform(0.7, 1.1), 0.5, 1.15))
    ready = arm("ready")
    return name, ready + size * (arm(name, str(rng.choice(_SHAPES[name][1]))) - ready) + _noise(rng, 3.0)


def _is_up(plan: Plan, own: _Own) -> bool:
    return own.rests_low and plan.now is not own.rest and bool(plan.poses)


def _choose(sides: list[str], arms: Arms, rng: np.random.Generator) -> list[str]:
    """Both of `sides`, or one."""
    if len(sides) < 2 or rng.random() < arms.both:
        return list(sides)
    return ["left" if rng.random() < arms.left else "right"]


def _speak(
    up: list[str],
    accents: list[list[float]],
    own: dict[str, _Own],
    plans: dict[str, Plan],
    arms: Arms,
    rng: np.random.Generator,
) -> None:
    """Gestures of one stretch of speech, by the hands that are up."""
    shaped, beaten, until = -np.inf, -np.inf, np.inf
    for time, strength in accents:
        if time > until:
            for side in up:
                if plans[side].now is not own[side].ready:
                    plans[side].go(own[side].ready, time, rng.uniform(0.5, 0.8))
            until = np.inf
        if rng.random() > arms.rate * (0.6 + 0.5 * strength) or time - beaten < _BETWEEN_BEATS:
            continue
        beaten = time
        sides = _choose(up, arms, rng)
        if rng.random() < 0.42 and time - shaped > _BETWEEN_SHAPES:
            name, pose = _shape(arms, rng)
            if len(sides) == 2 and not _SHAPES[name][2]:
                sides = ["left" if rng.random() < arms.left else "right"]
            lasting = rng.uniform(0.34, 0.55)
            for side in sides:
                plans[side].go(pose + _noise(rng, 1.5), time + rng.uniform(0.0, 0.02), lasting)
            shaped, until = time, time + rng.uniform(*_HOLD)
        for side in sides:
            plans[side].beats.append((time + rng.uniform(0.0, 0.02), strength * rng.uniform(0.7, 1.2) * arms.size))
