"""The other way to steer a network: conditions beside x_t, and all of it trained. What control networks must beat."""

import dataclasses
from functools import partial

import jax.numpy as jnp
from flax import nnx

from vlogger_jax.core.functional import Network, Params
from vlogger_jax.core.parts import replaced
from vlogger_jax.core.typing import Array, Float
from vlogger_jax.nn.embed import TimeEmbedding
from vlogger_jax.video.control import per_frame
from vlogger_jax.video.layout import Model
from vlogger_jax.video.paste import Paste, pasted
from vlogger_jax.video.unet import Decoder, Embedding, Encoder, Memories


class Wide(nnx.Module):
    """A UNet that is also told how noisy the known frames are."""

    def __init__(self, model: Model, pictures: int, rngs: nnx.Rngs):
        self.embedding = Embedding(model, rngs)
        self.time_of_context = TimeEmbedding(model.channels, model.d_embedding, zero=True, rngs=rngs)
        self.encoder, self.decoder = Encoder(model, rngs), Decoder(model, rngs)
        self.paste = Paste(model, pictures, rngs) if pictures else None

    def __call__(
        self, x: Array, t: Array, level: Array, keys: Array | None = None
    ) -> tuple[Array, Float[Array, "b t h w e"] | None]:
        embedding = self.embedding(t) + self.time_of_context(level)
        features = self.encoder(x, embedding, keys=keys)
        said = self.decoder(features, embedding, keys=keys)
        return said, None if self.paste is None else self.paste(features)


@dataclasses.dataclass(frozen=True, eq=False)
class Concatenated:
    """As `video.control.Steered`, of one network; what is new in its first convolution begins as 0."""

    model: Model
    network: Network
    pictures: tuple[int, ...] = ()

    @classmethod
    def of(cls, model: Model, c_in: int, temporal: bool, pictures: tuple[int, ...] = ()) -> "Concatenated":
        """Of a base and conditions of `c_in` channels; of single frames. `pictures` as in `Steered`."""
        if temporal:
            raise ValueError("frames do not meet in it")
        wide = dataclasses.replace(model, c_in=model.c_in + c_in)
        return cls(model, Network(partial(Wide, wide, len(pictures))), pictures)

    def shapes(self) -> Params:
        """Shape and dtype of each parameter."""
        return {"wide": self.network.shapes()}

    def remember(self, params: Params, reference: Array) -> Memories:
        """Nothing: what it sees of the reference lies beside x_t."""
        return ()

    def init(self, key: Array) -> Params:
        """Fresh parameters; may be traced."""
        return {"wide": self.network.init(key)}

    def __call__(
        self,
        params: Params,
        x: Float[Array, "b t h w c"],
        t: Float[Array, "b *s"],
        seen: Float[Array, "b t h w d"],
        level: Float[Array, "b *s"],
        *,
        scale: float | Array = 1.0,
        memory: Memories = (),
        keys: Array | None = None,
    ) -> Float[Array, "b t h w e"]:
        """What is predicted; `scale` is of the conditions."""
        t, level = (per_frame(each, x) for each in (t, level))
        beside = jnp.concatenate([x, scale * seen], axis=-1)
        said, how = self.network(params["wide"], beside, t, level, keys)
        if how is None:
            return said
        return pasted(said, scale * how, [seen[..., i : i + said.shape[-1]] for i in self.pictures])

    def begin(self, base: Params, fresh: Params) -> Params:
        """The base, in a network whose first convolution takes more channels."""
        wide = fresh["wide"]
        kernel = base["encoder"]["stem"]["kernel"]
        patch, c = self.model.patch**2, self.model.c_in
        # Channels of a patch lie pixel by pixel, those of x_t first in each.
        rows = wide["encoder"]["stem"]["kernel"].reshape(3, 3, patch, -1, kernel.shape[-1])
        rows = jnp.zeros_like(rows).at[:, :, :, :c].set(kernel.reshape(3, 3, patch, c, -1))
        stem = {**base["encoder"]["stem"], "kernel": rows.reshape(wide["encoder"]["stem"]["kernel"].shape)}
        return {"wide": replaced(replaced(wide, base), {"encoder": {"stem": stem}})}
