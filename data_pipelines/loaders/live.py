"""Samples without files: clips are performed, and pictures taken, when a sample asks for them.

clips = live.Clips(recipe, live.Jobs(partial(recipe.job, "train")))
windows = MotionWindows(clips, recipe.body())
pictures = live.Photographs(recipe, live.Jobs(partial(recipe.job, "train")), Frames(64, 8))
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np

from data_pipelines.loaders import stored
from data_pipelines.loaders.frames import Frames, Reference, conditioned, conditioned_spec
from data_pipelines.loaders.samples import Sample, Spec
from data_pipelines.recipe import Job, Recipe, Shots, Unusable
from data_pipelines.schema import BadExample, Clip
from vlogger_jax.body import smplx
from vlogger_jax.controls import lookup
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import GBuffer

ENDLESS = 2**31 - 1
"""As many as can be shuffled, and more than anyone will see."""


@dataclass(frozen=True, eq=False)
class Jobs(Sequence):
    """Jobs by number.

    Attributes:
        make: the job of a number; a function that can be pickled.
        count: how many there are.
    """

    make: Callable[[int], Job]
    count: int = ENDLESS

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Job:
        return self.make(number)


@dataclass(frozen=True, eq=False)
class Clips(Sequence):
    """Clips made by a recipe, in whatever process asks for them."""

    recipe: Recipe
    jobs: Sequence[Job]

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, number: int) -> Clip:
        """Clip `number`.

        Raises:
            BadExample: if the recipe leaves it out.
            UserError: if the recipe cannot make clips.
        """
        try:
            made = self.recipe.clip(self.jobs[number])
        except Unusable as reason:
            raise BadExample(f"{self.recipe.name} leaves out clip {number}: {reason}", "Let it be replaced") from reason
        return dataclasses.replace(made, clip=number)


@dataclass(frozen=True, eq=False)
class Photographs:
    """Frames with their controls taken by a recipe, as `samples.Samples`.

    Pictures are drawn on the device, so this stays in the process that owns it: `Reading(workers=0)`.
    """

    recipe: Recipe
    jobs: Sequence[Job]
    config: Frames

    @property
    def spec(self) -> Spec:
        """As `frames.conditioned`."""
        return conditioned_spec(self.config)

    def __len__(self) -> int:
        return len(self.jobs)

    def sample(self, number: int, rng: np.random.Generator) -> Sample:
        """Any window of clip `number`, and a reference far from it.

        Raises:
            BadExample: if the recipe leaves the clip out, it has not a frame more than a window, or shows no body.
        """
        clip, count = Clips(self.recipe, self.jobs)[number], self.config.count
        length = len(clip.motion.transl)
        if length < count:
            raise BadExample(f"clip {number} has {length} frames, not {count}", "Let it be replaced")
        start = int(rng.integers(length - count + 1))
        window = range(start, start + count)
        frame = int(rng.choice(stored.far_from(window, np.arange(length), self.config.far, f"clip {number}")))
        shots = self.recipe.shots(self.jobs[number], clip, [*window, frame], self.config.size)
        taken, still = _rows(shots, slice(0, count)), _rows(shots, slice(count, count + 1))
        try:
            reference = Reference.of(self.recipe.body(), self._body, still)
            return conditioned(self._body, taken.frames, taken.gbuffer, reference)
        except UserError as error:
            raise BadExample(f"clip {number}, reference {frame}: {error.what}", "Let it be replaced") from error

    @cached_property
    def _body(self) -> lookup.Tables:
        return lookup.tables(self.recipe.body())

    def __getstate__(self) -> NoReturn:
        raise UserError("pictures are drawn by the process that owns the device", "Set workers to 0")


def _rows(shots: Shots, which: slice) -> Shots:
    kept: dict[str, Any] = {
        "frames": shots.frames[which],
        "matte": shots.matte[which],
        "gbuffer": GBuffer(face_index=shots.gbuffer.face_index[which], bary=shots.gbuffer.bary[which]),
        "motion": smplx.frames_of(shots.motion, which),
    }
    return dataclasses.replace(shots, **kept)
