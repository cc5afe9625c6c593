"""Frames of any length by temporal outpainting: windows that go on from each other, in memory that does not grow.

Paper section 3.2: N frames are generated, and then N' < N at a time, which go on from the N - N' before them.
"""

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import jax
import numpy as np

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Controls
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array, UInt8
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import conditions
from vlogger_jax.video.conditions import Scene, Shown
from vlogger_jax.video.control import Steered
from vlogger_jax.video.sample import Window, make_window
from vlogger_jax.video.smaller import Lifting


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """A trained network of the cascade.

    Attributes:
        params: of `network`.
        size: of its frames, pixels.
        scale: of all that the control network answers; with 0, the base alone.
        lifting: what it has of the frames of the level before; None: it is the first one, and has none.
        reduced: makes scenes of other sizes such of its own; None: there are no others.
    """

    network: Steered
    recipe: Recipe
    shown: Shown
    params: Params
    size: int
    scale: float = 1.0
    lifting: Lifting | None = None
    reduced: Callable[[Scene, int], Scene] | None = None

    def denoise(self, window: Window, smaller: Array | None, draw: Draw) -> Array:
        """Frames [b, t, size, size, 3] of a window, whose scene may be larger.

        Args:
            smaller: frames of the level before.
        """
        return self._denoise(self._placed, window, smaller, draw)

    @cached_property
    def _placed(self) -> Params:
        """On the device once, not for every window."""
        return jax.device_put(self.params)

    @cached_property
    def _denoise(self) -> Callable[[Params, Window, Array | None, Draw], Array]:
        guess = None if self.lifting is None else self.lifting.guess
        sample = make_window(self.network, self.recipe, self.shown, self.scale, guess)

        def denoise(params: Params, window: Window, smaller: Array | None, draw: Draw) -> Array:
            scene = window.scene if self.reduced is None else self.reduced(window.scene, self.size)
            if self.lifting is not None:
                scene = scene._replace(low=self.lifting(smaller, draw.named("low")))
            return sample(params, window._replace(scene=scene), draw)

        return jax.jit(denoise)


@dataclasses.dataclass(frozen=True, eq=False)
class Renderer:
    """Networks one after the other, of ever more pixels, window by window.

    Attributes:
        levels: from the smallest; scenes are of the size of the last one.
        frames: N, that are denoised together.
        overlap: N - N', of them that go on from the window before; half of them is best (paper Table 2), and takes
            twice as long as none.
    """

    levels: tuple[Level, ...]
    frames: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.frames:
            raise UserError(
                f"windows of {self.frames} frames that overlap by {self.overlap}",
                f"Give an overlap of 0 to {self.frames - 1} frames",
            )

    @property
    def size(self) -> int:
        """Of the frames, pixels."""
        return self.levels[-1].size

    def stream(self, scenes: Iterable[Scene], seed: int = 0) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
        """The frames that `scenes` steer, as they come.

        Args:
            scenes: of one clip, parts of it one after the other, of any number of frames, with the same reference.
            seed: the same one gives the same frames.
        """
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"video"))
        known = [np.zeros((1, self.frames, level.size, level.size, 3), np.float32) for level in self.levels]
        first = 0
        for number, (scene, length) in enumerate(_windows(scenes, self.frames, self.overlap)):
            draw, made = Draw.of(jax.random.fold_in(key, number), 1), None
            for i, level in enumerate(self.levels):
                given = np.broadcast_to((np.arange(self.frames) < first)[None, :, None, None], known[i].shape[:-1])
                # The first level draws what it would draw alone.
                window, drawn = Window(scene, known[i], given), draw.at(i) if i else draw
                made = np.asarray(level.denoise(window, made, drawn))
                known[i] = np.zeros_like(made)
                known[i][:, : self.overlap] = made[:, self.frames - self.overlap :]
            yield np.asarray(conditions.to_bytes(made[0, first:length]))
            first = self.overlap


def _windows(scenes: Iterable[Scene], frames: int, overlap: int) -> Iterator[tuple[Scene, int]]:
    """Windows that overlap, and how many of their frames there are; after the last, its controls stay as they are."""
    kept: Controls | None = None
    begun, last = False, None
    for last in scenes:
        kept = last.controls if kept is None else _joined(kept, last.controls)
        while _count(kept) >= frames:
            yield last._replace(controls=_part(kept, slice(0, frames))), frames
            kept, begun = _part(kept, slice(frames - overlap, None)), True
    if last is None or (begun and _count(kept) <= overlap):
        return
    length = _count(kept)
    rest = _part(kept, np.minimum(np.arange(frames), length - 1))
    yield last._replace(controls=rest), length


def _count(controls: Controls) -> int:
    return controls.label.shape[1]


def _part(controls: Controls, which: slice | np.ndarray) -> Controls:
    return jax.tree.map(lambda values: np.asarray(values)[:, which], controls)


def _joined(one: Controls, other: Controls) -> Controls:
    return jax.tree.map(lambda a, b: np.concatenate([a, b], axis=1), one, other)
