"""Motion of any length from a sound: windows that go on from each other, in memory that does not grow."""

import dataclasses
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import jax
import numpy as np

from vlogger_jax.audio import hearing, mel
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.stage import Params
from vlogger_jax.core.typing import Array, Float32
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.motion.manner import USUAL, Manner
from vlogger_jax.motion.model import FIELDS, Model
from vlogger_jax.motion.sample import Window, joined, make_window

SEEDS = 2**32
"""How many there are."""

SECOND = mel.RATE
"""Samples of sound that are listened to at a time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Take:
    """What is asked of a performance.

    Attributes:
        frames: how many; None: as long as it sounds. It is silent after the sound's end.
        samples: performances of the same sound at once, n.
        seed: the same one gives the same motion.
        visible: how much the reference shows of torso, left hand and right hand, 0 to 1; M is told. `moving.take` holds
            back hands that are not seen, too.
        manner: what is shown of what M moves.
        start_from_reference: frame 0 is the reference. If not, it is wherever one may be in the middle of talking.
    """

    frames: int | None = None
    samples: int = 1
    seed: int = 0
    visible: tuple[float, float, float] = (1.0, 1.0, 1.0)
    manner: Manner = USUAL
    start_from_reference: bool = True

    def __post_init__(self) -> None:
        whole = (self.samples, self.seed, *(() if self.frames is None else (self.frames,)))
        if not all(isinstance(each, int) and not isinstance(each, bool) for each in whole):
            what = f"{self.samples!r} performances of {self.frames!r} frames, seed {self.seed!r}"
            raise UserError(what, "Give whole numbers")
        if self.samples < 1 or (self.frames is not None and self.frames < 1) or not 0 <= self.seed < SEEDS:
            raise UserError(
                f"{self.samples} performances of {self.frames} frames, seed {self.seed}",
                f"Give 1 or more of each, and a seed of 0 to {SEEDS - 1}",
            )
        check_visible(self.visible)


def check_visible(visible: Any) -> None:
    """Refuse what is not three shares.

    Raises:
        UserError: naming what was given.
    """
    if np.shape(visible) != (3,) or not all(0 <= share <= 1 for share in visible):
        raise UserError(f"the reference shows {visible!r}", "Give shares of torso, left and right hand, 0 to 1")


ONCE = Take()


@dataclasses.dataclass(frozen=True, eq=False)
class Performer:
    """M, trained.

    Attributes:
        window: frames that are denoised together.
        overlap: of them that go on from the window before. More joins more smoothly and takes longer.
    """

    model: Model
    recipe: Recipe
    params: Params
    window: int
    overlap: int = 24

    def __post_init__(self) -> None:
        ahead = self.model.section.size.lookahead
        if not 2 <= self.overlap < self.window - ahead:
            raise UserError(
                f"windows of {self.window} frames that overlap by {self.overlap} and hear {ahead} ahead",
                f"Give an overlap of 2 to {self.window - ahead - 1} frames",
            )

    def perform(self, waveform: Float32[np.ndarray, "s"] | None, reference: Motion, take: Take = ONCE) -> Motion:
        """How the person of `reference` says it, [n, t, ..] as numpy arrays, at the model's frame rate.

        Args:
            waveform: 16,000 samples/s, in [-1, 1]; None: silence, to idle in.
            reference: one frame, of the body that M knows.

        Raises:
            UserError: if the reference is not one frame of the body that M knows, nobody says how long it is to be, or
                the sound is not one channel of numbers.
        """
        if waveform is None and take.frames is None:
            raise UserError("there is neither a sound nor a number of frames", "Give one of them")
        parts = list(self.stream([] if waveform is None else [waveform], reference, take))
        whole = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in FIELDS}
        return dataclasses.replace(parts[0], **whole)

    def stream(
        self, blocks: Iterable[Float32[np.ndarray, "_"]], reference: Motion, take: Take = ONCE
    ) -> Iterator[Motion]:
        """The same a window at a time, of a sound that comes in blocks."""
        self._check(reference)
        samples, told = take.samples, take.manner.told(reference)
        here = jax.tree.map(lambda array: np.repeat(np.asarray(array, np.float32)[None], samples, axis=0), reference)
        origin = jax.tree.map(lambda array: np.repeat(np.asarray(array, np.float32)[None], samples, axis=0), told)
        heard = _Ears(self.model, blocks, take.frames)
        known = np.zeros((samples, self.window, self.model.packing.d), np.float32)
        first = int(take.start_from_reference)
        if first:
            known[:, :1] = self.model.packing.pack(origin, self.model.origin(origin))
        seen = np.broadcast_to(np.asarray(take.visible, np.float32), (samples, 3))
        key = jax.random.fold_in(jax.random.key(take.seed), zlib.crc32(b"motion"))
        begin, number = 0, 0
        while True:
            sound, length, ended = heard.window(begin, self.window)
            window = Window(
                heard=np.broadcast_to(sound, (samples, *sound.shape)),
                reference=origin,
                visible=seen,
                known=known,
                given=np.broadcast_to(np.arange(self.window)[:, None] < first, (samples, self.window, 2)),
                length=np.full(samples, length, np.int32),
            )
            draw = Draw.of(jax.random.fold_in(key, number), samples)
            x = np.asarray(self._denoise(self.params, window, draw))
            x = joined(known[:, :first], x, self.fade) if first else x
            end = length if ended else self.window - self.model.section.size.lookahead
            new = slice(max(first - self.fade, 0) if number else 0, end if ended else end - self.fade)
            made = self.model.packing.unpack(x[:, new], self.model.origin(origin))
            yield take.manner(dataclasses.replace(made, fps=self.fps), origin, here)
            if ended:
                return
            first, begin, number = self.overlap, begin + end - self.overlap, number + 1
            known = np.zeros_like(known)
            known[:, :first] = x[:, end - first : end]

    @property
    def fade(self) -> int:
        """Frames over which one window fades into the next."""
        return self.overlap // 2

    @property
    def fps(self) -> float:
        """Frames/s of what is performed."""
        return self.model.section.fps

    @cached_property
    def _denoise(self) -> Callable[[Params, Window, Draw], Array]:
        return jax.jit(make_window(self.model, self.recipe, exact=False))

    def _check(self, reference: Motion) -> None:
        section = self.model.section
        if reference.body != section.body:
            raise UserError(
                f"the reference is of the body {reference.body!r}, and the motion model of {section.body!r}",
                "Fit the portrait with that body",
            )
        if reference.transl.shape != (1, 3):
            raise UserError(f"the reference's place is {reference.transl.shape}, not (1, 3)", "Give one frame")
        sizes = {"betas": (section.betas,), "expression": (1, section.expressions)}
        for name, wanted in sizes.items():
            if (found := np.shape(getattr(reference, name))) != wanted:
                raise UserError(f"the reference's {name} is {found}, not {wanted}", "Fit the portrait with that body")
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(reference)):
            raise UserError("the reference has numbers that are not finite", "Fit the portrait again")


class _Ears:
    """What is heard of a sound, as far as windows ask for it; what lies behind them is forgotten."""

    def __init__(self, model: Model, blocks: Iterable[np.ndarray], frames: int | None):
        self._hearing, self._fps = model.hearing, model.section.fps
        self._stream, self._state = mel.Stream(self._fps), None
        self._blocks = (block[i : i + SECOND] for block in blocks for i in range(0, len(block), SECOND))
        self._wanted, self._ended = frames, False  # wanted: None until the sound has ended
        self._kept = np.zeros((0, mel.COLUMNS, self._hearing.width), np.float32)
        self._begin = 0

    def window(self, begin: int, frames: int) -> tuple[np.ndarray, int, bool]:
        """Sound of frames from `begin` on, silence after the end; how many there are; whether it ends here."""
        dropped = begin - self._begin
        self._kept, self._begin = self._kept[dropped:], begin
        # One frame more tells whether this is the last window.
        while not self._ended and len(self._kept) <= frames:
            block = next(self._blocks, None)
            if block is not None and not (np.ndim(block) == 1 and np.isfinite(block).all()):
                raise UserError("the sound is not one channel of finite numbers", "Mix channels, and leave out NaN")
            self._ended = block is None
            new = self._stream.finish() if self._ended else self._stream.push(block)
            self._listen(new)
            if self._ended and self._wanted is None:
                self._wanted = max(self._begin + len(self._kept), 1)
        short = frames - len(self._kept)
        if short > 0:
            self._listen(hearing.silence(short))
        left = frames + 1 if self._wanted is None else self._wanted - begin
        return self._kept[:frames], min(left, frames), left <= frames

    def _listen(self, bands: np.ndarray) -> None:
        heard, self._state = self._hearing.hear(bands, self._fps, self._state)
        self._kept = np.concatenate([self._kept, heard])
