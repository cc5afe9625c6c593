"""What steers the video network, as channels of one picture a frame (paper sections 3.1 and 3.2).

Integers come in; scaling, one-hot labels and Fourier features are made here, inside `jit`.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vlogger_jax.core.draw import Draw
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Controls
from vlogger_jax.core.stage import Batch
from vlogger_jax.core.typing import Array, Bool, Float, UInt8, UInt16
from vlogger_jax.diffusion.outpaint import Context
from vlogger_jax.diffusion.process import from_left
from vlogger_jax.nn.embed import fourier

OCTAVES = 3
"""Of the canonical positions: lips that are 2 mm apart must look different."""


class Scene(NamedTuple):
    """Clips as the network is shown them.

    Attributes:
        controls: of every frame.
        reference: the picture of the person, 0-255.
        reference_dense, reference_label: as in `Controls`, of the reference.
        low: frames of a smaller network at the size of these, in [-1, 1], and how noisy they were made, as a fourth
            channel; where one is asked to enlarge them.
    """

    controls: Controls
    reference: UInt8[Array, "b h w 3"]
    reference_dense: UInt16[Array, "b h w 3"]
    reference_label: UInt8[Array, "b h w"]
    low: Float[Array, "b t h w 4"] | None = None


SceneOf = Callable[[Batch], Scene]
"""From a batch as loaders make it."""


class Example(NamedTuple):
    """What a loss is of.

    Attributes:
        frames: that are to be made, in [-1, 1].
        scene: what steers them.
    """

    frames: Float[Array, "b t h w 3"]
    scene: Scene


ExampleOf = Callable[[Batch, Draw], Example]
"""From a batch as loaders make it; what is drawn in making it is one's own."""


def whole(scene_of: SceneOf) -> ExampleOf:
    """Examples of all that is in a batch, as it is."""
    return lambda batch, draw: Example(scaled(batch["frames"]), scene_of(batch))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """The section `shown` of a config: which channels there are.

    Attributes:
        steering: names of `STEERING`, in the order of the channels. All are dropped together, for guidance.
        labels: how many there are; 0 is background.
        low: pixels of the smaller network's frames that are shown, too; 0 shows none.
    """

    steering: tuple[str, ...] = ("dense", "label", "warp", "composite")
    labels: int = 18
    low: int = 0

    def __post_init__(self) -> None:
        if not self.steering or len(set(self.steering)) < len(self.steering) or not set(self.steering) <= set(STEERING):
            raise UserError(
                f"the steering {list(self.steering)} cannot be shown", f"Name some of {', '.join(STEERING)}"
            )

    @property
    def channels(self) -> int:
        """Of `channels`."""
        return self.first("low") + (_LOW if self.low else 0)

    def first(self, name: str) -> int:
        """The first channel of one of `steering`, of the "reference", or of the "low" frames."""
        before = self.steering[: self.steering.index(name)] if name in self.steering else self.steering
        return sum(_WIDTHS[each](self) for each in before) + (_REFERENCE + _CONTEXT if name == "low" else 0)


def channels(shown: Shown, scene: Scene, context: Context) -> Float[Array, "b t h w {shown.channels}"]:
    """All that the control network sees of each frame but x_t, in [-1, 1].

    In this order: what steers, the reference, `context`, and smaller frames if any are shown.
    """
    steering = [STEERING[name](shown, scene.controls) for name in shown.steering]
    reference = jnp.concatenate(
        [scaled(scene.reference), _place(scene.reference_dense, scene.reference_label)], axis=-1
    )
    frames = context.known.shape[1]
    still = jnp.broadcast_to(reference[:, None], (len(reference), frames, *reference.shape[1:]))
    low = [scene.low] if shown.low else []
    return jnp.concatenate([*steering, still, context.channels(), *low], axis=-1)


def told(
    shown: Shown, channels: Float[Array, "b t h w c"], which: Bool[Array, "b"] | Float[Array, "b"]
) -> Float[Array, "b t h w c"]:
    """`channels` with steering for `which` clips only; the rest always is shown."""
    steering = jnp.arange(channels.shape[-1]) < shown.first("reference")
    return jnp.where(steering, from_left(which.astype(channels.dtype), channels) * channels, channels)


def scaled(picture: UInt8[Array, "*b"]) -> Float[Array, "*b"]:
    """From 0-255 to [-1, 1], what networks work in."""
    return picture.astype(jnp.float32) / 127.5 - 1


def to_bytes(x: Float[Array, "*b"]) -> UInt8[Array, "*b"]:
    """The inverse of `scaled`, clipped."""
    return jnp.clip(jnp.round((x + 1) * 127.5), 0, 255).astype(jnp.uint8)


def _place(dense: UInt16[Array, "*b h w 3"], label: UInt8[Array, "*b h w"]) -> Float[Array, "*b h w 3"]:
    """Canonical positions in [-1, 1], 0 where there is no body."""
    return (dense.astype(jnp.float32) / 32767.5 - 1) * (label > 0)[..., None]


def _dense(shown: Shown, controls: Controls) -> Float[Array, "*b h w c"]:
    place = _place(controls.dense, controls.label)
    body = (controls.label > 0)[..., None]
    return jnp.concatenate([place, fourier(place, OCTAVES) * body], axis=-1)


def _label(shown: Shown, controls: Controls) -> Float[Array, "*b h w {shown.labels}"]:
    return jax.nn.one_hot(controls.label, shown.labels)


def _warp(shown: Shown, controls: Controls) -> Float[Array, "*b h w 4"]:
    known = controls.warp_mask[..., None].astype(jnp.float32)
    return jnp.concatenate([scaled(controls.warp) * known, known], axis=-1)


def _composite(shown: Shown, controls: Controls) -> Float[Array, "*b h w 4"]:
    return jnp.concatenate([scaled(controls.composite), scaled(controls.matte)[..., None]], axis=-1)


PICTURES = ("reference", "warp", "composite", "low")
"""What begins with the colours of a picture in [-1, 1]."""

STEERING: dict[str, Callable[[Shown, Controls], Array]] = {
    "dense": _dense,
    "label": _label,
    "warp": _warp,
    "composite": _composite,
}
"""Dense body (paper: C^d) with Fourier features, one-hot labels (C^m), warp of the reference (C^w) and where it is to
be trusted, composite and matte."""

_WIDTHS: dict[str, Callable[[Shown], int]] = {
    "dense": lambda shown: 3 + 2 * OCTAVES * 3,
    "label": lambda shown: shown.labels,
    "warp": lambda shown: 4,
    "composite": lambda shown: 4,
}
_REFERENCE, _CONTEXT, _LOW = 6, 4, 4
