"""Sizes of a UNet, and the table of blocks that it is built from: ADM's (Dhariwal & Nichol 2021)."""

import dataclasses
from collections.abc import Callable

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import remat
from vlogger_jax.core.typing import Array
from vlogger_jax.nn.resnet import down, same, up


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heads:
    """So many heads of attention, however wide."""

    number: int

    def of(self, channels: int) -> int:
        """How many heads an attention of `channels` has."""
        return self.number

    def divide(self, channels: int) -> bool:
        """Whether they divide `channels`."""
        return self.number > 0 and channels % self.number == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadWidth:
    """Heads of attention so many channels wide, however many."""

    channels: int

    def of(self, channels: int) -> int:
        """How many heads an attention of `channels` has."""
        return channels // self.channels

    def divide(self, channels: int) -> bool:
        """Whether they divide `channels`."""
        return self.channels > 0 and channels % self.channels == 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The section `model` of a config.

    Attributes:
        size: of the pictures, pixels; larger and smaller ones pass too, as crops do.
        c_in: channels of x_t and of whatever comes with it.
        c_out: channels of what is predicted; twice those of x_t where the variance is learned.
        channels: that multipliers are of; the embedding of time is four times as wide.
        multipliers: channels of each level; each level is half as high and wide as the one before.
        blocks: residual blocks of a level of the encoder, of all alike or one number each; the decoder has one more.
        attention: sizes of the feature maps that have it, in their own pixels; the middle always has it.
        heads: of all attention.
        dropout: rate, in all residual blocks.
        classes: how many there are; None: it is not told a class.
        patch: pixels of patches of this size become channels before the first convolution, and pixels after the last;
            1 is ADM.
        groups: of the norms, as in `GroupNorm`.
        skips: what skips are multiplied by; 1 is ADM, and an Efficient UNet has 1/sqrt(2) (Saharia et al. 2022, B.1).
        remat: what blocks keep for the gradient, as `core.functional.remat` names it.
    """

    size: int
    c_in: int
    c_out: int
    channels: int
    multipliers: tuple[int | float, ...]
    blocks: int | tuple[int, ...]
    attention: tuple[int, ...]
    heads: Heads | HeadWidth
    dropout: float | int = 0.0
    classes: int | None = None
    patch: int = 1
    groups: int = 32
    remat: str = "none"
    skips: float | int = 1.0

    def __post_init__(self) -> None:
        remat(self.remat)
        counts = (self.size, self.c_in, self.c_out, self.channels, *self.each_blocks, self.patch, self.groups)
        if min(counts) < 1 or self.channels % 2 or (self.classes is not None and self.classes < 1):
            raise UserError(
                f"a network of {self.blocks} blocks a level, {self.channels} channels, {self.c_in} in and {self.c_out} "
                f"out, {self.groups} groups, {self.classes} classes, patches of {self.patch}, cannot be",
                "Give numbers of 1 or more, and an even number of channels",
            )
        if not self.multipliers or any(c < 1 or c != int(c) for c in map(self._times, self.multipliers)):
            raise UserError(
                f"{self.channels} channels cannot be multiplied by {list(self.multipliers)}",
                "Give one multiplier a level, each of which makes a whole number of channels",
            )
        if len(self.each_blocks) != len(self.multipliers):
            raise UserError(
                f"{len(self.multipliers)} levels have blocks {list(self.each_blocks)}",
                "Give one number, or one a level",
            )
        if self.size % (deepest := self.patch * 2 ** (len(self.multipliers) - 1)):
            raise UserError(
                f"pictures of {self.size} pixels do not divide into {len(self.multipliers)} levels of patches of "
                f"{self.patch}",
                f"Give a multiple of {deepest} pixels",
            )
        if not set(self.attention) <= set(self.sizes):
            raise UserError(
                f"attention is asked for at {list(self.attention)}; feature maps are {list(self.sizes)} pixels high",
                "Name some of these",
            )
        attending = {row.c_out for row in (*encoder(self), *middle(self)) if row.attention}
        if wrong := [c for c in sorted(attending) if not self.heads.divide(c)]:
            raise UserError(f"{self.heads} do not divide {wrong[0]} channels", "Give other heads or channels")
        if not 0 <= self.dropout < 1:
            raise UserError(f"the dropout is {self.dropout}", "Give a rate from 0 to less than 1")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each level."""
        return tuple(int(self._times(multiplier)) for multiplier in self.multipliers)

    @property
    def each_blocks(self) -> tuple[int, ...]:
        """Residual blocks of each level of the encoder."""
        return self.blocks if isinstance(self.blocks, tuple) else (self.blocks,) * len(self.multipliers)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Height and width of the feature maps of each level."""
        return tuple(self.size // self.patch // 2**level for level in range(len(self.multipliers)))

    @property
    def d_embedding(self) -> int:
        """Width of the embedding of time and class."""
        return 4 * self.channels

    def _times(self, multiplier: int | float) -> int | float:
        return self.channels * multiplier


@dataclasses.dataclass(frozen=True)
class Row:
    """A residual block, and the attention after it.

    Attributes:
        c_in, c_out: channels.
        size: height and width of what it answers.
        attention: whether there is any.
        resample: as in `ResBlock`.
    """

    c_in: int
    c_out: int
    size: int
    attention: bool = False
    resample: Callable[[Array], Array] = same


def encoder(model: Model) -> tuple[Row, ...]:
    """ADM's `input_blocks` after its first convolution: what each answers is a skip."""
    rows, c = [], model.widths[0]
    for level, (width, size, blocks) in enumerate(zip(model.widths, model.sizes, model.each_blocks, strict=True)):
        if level:
            rows.append(Row(c, c, size, resample=down))
        for _ in range(blocks):
            rows.append(Row(c, width, size, size in model.attention))
            c = width
    return tuple(rows)


def middle(model: Model) -> tuple[Row, ...]:
    """ADM's `middle_block`."""
    c, size = model.widths[-1], model.sizes[-1]
    return Row(c, c, size, attention=True), Row(c, c, size)


def decoder(model: Model) -> tuple[Row, ...]:
    """ADM's `output_blocks`: rows that do not go `up` take a skip, the last one first."""
    skips = [feature.channels for feature in features(model)[:-1]]
    rows, c = [], model.widths[-1]
    for level in reversed(range(len(model.widths))):
        width, size = model.widths[level], model.sizes[level]
        for _ in range(model.each_blocks[level] + 1):
            rows.append(Row(c + skips.pop(), width, size, size in model.attention))
            c = width
        if level:
            rows.append(Row(c, c, 2 * size, resample=up))
    return tuple(rows)


@dataclasses.dataclass(frozen=True)
class Feature:
    """Of a feature map: how high and wide it is, and its channels."""

    size: int
    channels: int


def features(model: Model) -> tuple[Feature, ...]:
    """What the encoder answers: the skips, the first one first, and the middle; a control adds something to each."""
    stem = Feature(model.sizes[0], model.widths[0])
    return (stem, *(Feature(row.size, row.c_out) for row in (*encoder(model), middle(model)[-1])))
