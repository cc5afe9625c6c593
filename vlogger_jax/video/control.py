"""The control network: a trainable, temporal copy of the base's encoder (paper section 3.2; Zhang et al. 2023).

What it answers goes through convolutions of zeros and is added to what the base's encoder answers, so that it begins by
changing nothing; frames meet in it and nowhere else.
"""

import dataclasses
from functools import partial
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.functional import Network, Params
from vlogger_jax.core.parts import replaced
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.dense import Conv
from vlogger_jax.nn.embed import TimeEmbedding
from vlogger_jax.nn.temporal import TemporalResidual
from vlogger_jax.video import layout
from vlogger_jax.video.layout import Model
from vlogger_jax.video.paste import Paste, pasted
from vlogger_jax.video.unet import Embedding, Encoder, Features, Memories, UNet, space_to_depth


class ControlStem(nnx.Module):
    """From the conditions to what is added after the copy's first convolution.

    Its first convolutions are not zero: behind outer zeros, inner ones would only delay what is learned.
    """

    def __init__(self, model: Model, c_in: int, rngs: nnx.Rngs):
        width = model.widths[0]
        self.patch = model.patch
        # A patch has a thousand channels: to look at its neighbours, too, would cost half as much as the whole base.
        kernel = (3, 3) if model.patch == 1 else (1, 1)
        self.stem_first = Conv(c_in * model.patch**2, width, kernel, rngs=rngs)
        self.stem_second = Conv(width, width, rngs=rngs)

    def __call__(self, seen: Float[Array, "b *t h w c"]) -> Float[Array, "b *t i j e"]:
        return self.stem_second(jax.nn.silu(self.stem_first(space_to_depth(seen, self.patch))))


class ControlNet(nnx.Module):
    """What is added to the features of a base.

    Args:
        model: of the base.
        c_in: channels of the conditions.
        temporal: whether frames meet in it: in the middle of each of its residual blocks, before the second norm.
        pictures: how many there are that the answer may take from (`video.paste`).
    """

    def __init__(self, model: Model, c_in: int, temporal: bool, pictures: int, rngs: nnx.Rngs):
        between = partial(_between, model.groups) if temporal else None
        self.embedding = Embedding(model, rngs)
        self.time_of_context = TimeEmbedding(model.channels, model.d_embedding, zero=True, rngs=rngs)
        self.conditions = ControlStem(model, c_in, rngs)
        self.encoder = Encoder(model, rngs, between)
        self.zeros = nnx.List(
            [Conv(each.channels, each.channels, (1, 1), zero=True, rngs=rngs) for each in layout.features(model)]
        )
        self.paste = Paste(model, pictures, rngs) if pictures else None

    def __call__(
        self,
        x: Float[Array, "b t h w c"],
        t: Float[Array, "b t"],
        seen: Float[Array, "b t h w d"],
        level: Float[Array, "b t"],
        memory: Memories = (),
        keys: Array | None = None,
    ) -> tuple[Features, Float[Array, "b t h w e"] | None]:
        """Of frames x_t and their conditions: what is added, and what becomes of each pixel, if pictures are pasted.

        Args:
            seen: `conditions.channels`.
            level: standard deviation of the noise on what is known of the frames.
            memory: of the reference (`remember`).
            keys: of the dropout, as in `UNet`.
        """
        embedding = self.embedding(t) + self.time_of_context(level)
        features = self.encoder(x, embedding, added=self.conditions(seen), keys=keys, memory=memory)
        added = tuple(zero(feature) for zero, feature in zip(self.zeros, features, strict=True))
        return added, None if self.paste is None else self.paste(features)

    def remember(self, reference: Float[Array, "b h w c"]) -> Memories:
        """What attention is to know of a picture without noise."""
        clean = jnp.zeros(len(reference))
        return self.encoder.remember(reference, self.embedding(clean) + self.time_of_context(clean))


def _between(groups: int, channels: int, rngs: nnx.Rngs) -> TemporalResidual:
    return TemporalResidual(channels, groups=groups, rngs=rngs)


def per_frame(values: Float[Array, "b *s"], x: Float[Array, "b t h w c"]) -> Float[Array, "b t"]:
    """One number a frame of `x`, from one a sample or one a frame."""
    return jnp.broadcast_to(values.reshape(len(x), -1), x.shape[:2])


@runtime_checkable
class Steerable(Protocol):
    """A network that predicts frames from x_t and conditions, and begins from a base."""

    def shapes(self) -> Params:
        """Shape and dtype of each parameter, as `Network.shapes`."""
        ...

    def init(self, key: Array) -> Params:
        """Fresh parameters; may be traced."""
        ...

    def begin(self, base: Params, fresh: Params) -> Params:
        """Parameters at the beginning, from those of the base; what is not from there is as in `fresh`."""
        ...

    def remember(self, params: Params, reference: Array) -> Memories:
        """What it is to know of the reference [b, h, w, 3] in [-1, 1] in all steps; () for nothing."""
        ...

    def __call__(
        self,
        params: Params,
        x: Array,
        t: Array,
        seen: Array,
        level: Array,
        *,
        scale: float | Array = 1.0,
        memory: Memories = (),
        keys: Array | None = None,
    ) -> Array:
        """What is predicted, of [b, t, h, w, c]; `seen` are `conditions.channels`, the rest as in `Steered`."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Steered:
    """A base and its control network, as one function of their parameters, {"base": ..., "control": ...}.

    Attributes:
        remembers: whether attention of the control network also looks at the reference.
        pictures: what the answer may take from (`video.paste`), by their first channels among the conditions.
        beside: the first channel among the conditions of a picture that also the base is shown, beside x_t; None: it
            sees x_t alone.
    """

    base: Network
    control: Network
    remembers: bool = False
    pictures: tuple[int, ...] = ()
    beside: int | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        c_in: int,
        temporal: bool,
        remembers: bool = False,
        pictures: tuple[int, ...] = (),
        beside: int | None = None,
    ) -> "Steered":
        """Of a base, and conditions of `c_in` channels."""
        control = partial(ControlNet, model, c_in, temporal, len(pictures))
        return cls(Network(partial(UNet, model)), Network(control), remembers, pictures, beside)

    def shapes(self) -> Params:
        """Shape and dtype of each parameter, as `Network.shapes`."""
        return {"base": self.base.shapes(), "control": self.control.shapes()}

    def __call__(
        self,
        params: Params,
        x: Float[Array, "b t h w c"],
        t: Float[Array, "b *s"],
        seen: Float[Array, "b t h w d"],
        level: Float[Array, "b *s"],
        *,
        scale: float | Float[Array, ""] = 1.0,
        memory: Memories = (),
        keys: Array | None = None,
    ) -> Float[Array, "b t h w e"]:
        """What is predicted; arguments as in `ControlNet`.

        Args:
            t, level: one a sample, or one a frame.
            scale: of all that the control network answers; with 0, the base alone.
        """
        # The base drops nothing: its copy is to add to what it will say when there is no dropout.
        # One a frame: a clip is then its frames one by one, to the bit, as long as nothing else makes frames meet.
        t, level = (per_frame(each, x) for each in (t, level))
        if self.beside is not None:
            x = jnp.concatenate([x, seen[..., self.beside : self.beside + x.shape[-1]]], axis=-1)
        control, how = self.control(params["control"], x, t, seen, level, memory, keys)
        said = self.base(params["base"], x, t, control=tuple(scale * each for each in control))
        if how is None:
            return said
        return pasted(said, scale * how, [seen[..., i : i + said.shape[-1]] for i in self.pictures])

    def remember(self, params: Params, reference: Float[Array, "b h w 3"]) -> Memories:
        """As in `Steerable`."""
        return self.control.method("remember")(params["control"], reference) if self.remembers else ()

    def init(self, key: Array) -> Params:
        """Fresh parameters; may be traced."""
        of_base, of_control = jax.random.split(key)
        base = self.base.init(of_base)
        return self.begin(base, {"base": base, "control": self.control.init(of_control)})

    def begin(self, base: Params, fresh: Params) -> Params:
        """Parameters at the beginning: the base, and a control network whose copied parts are the base's.

        Args:
            base: of the base.
            fresh: as `init` makes them; of the control network, what has no counterpart in the base stays.
        """
        control = fresh["control"]
        copied = {part: replaced(control[part], base[part]) for part in ("embedding", "encoder")}
        return {"base": base, "control": {**control, **copied}}
