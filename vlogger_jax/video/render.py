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


@dataclasses.dataclass(frozen=True, eq=False)
class Renderer:
    """The video network, trained.

    Attributes:
        params: of `network`.
        frames: N, that are denoised together.
        scale: of all that the control network answers; with 0, the base alone.
        overlap: N - N', of them that go on from the window before; half of them is best (paper Table 2), and takes
            twice as long as none.
    """

    network: Steered
    recipe: Recipe
    shown: Shown
    params: Params
    frames: int
    overlap: int
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.frames:
            raise UserError(
                f"windows of {self.frames} frames that overlap by {self.overlap}",
                f"Give an overlap of 0 to {self.frames - 1} frames",
            )

    def stream(self, scenes: Iterable[Scene], seed: int = 0) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
        """The frames that `scenes` steer, as they come.

        Args:
            scenes: of one clip, parts of it one after the other, of any number of frames, with the same reference.
            seed: the same one gives the same frames.
        """
        key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(b"video"))
        first, known, number = 0, None, 0
        for scene, length in _windows(scenes, self.frames, self.overlap):
            if known is None:
                known = np.zeros((1, self.frames, *scene.reference.shape[1:]), np.float32)
            given = np.broadcast_to((np.arange(self.frames) < first)[None, :, None, None], known.shape[:-1])
            draw = Draw.of(jax.random.fold_in(key, number), 1)
            x = np.asarray(self._denoise(self._placed, Window(scene, known, given), draw))
            yield np.asarray(conditions.to_bytes(x[0, first:length]))
            first, number = self.overlap, number + 1
            known = np.zeros_like(known)
            known[:, :first] = x[:, self.frames - first :]

    @cached_property
    def _placed(self) -> Params:
        """On the device once, not for every window."""
        return jax.device_put(self.params)

    @cached_property
    def _denoise(self) -> Callable[[Params, Window, Draw], Array]:
        return jax.jit(make_window(self.network, self.recipe, self.shown, self.scale))


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
