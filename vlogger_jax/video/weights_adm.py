"""Weights of ADM (github.com/openai/guided-diffusion) as parameters of `unet.UNet`.

Its released networks, and others of the same layout, strictly: every tensor has a place, and every place a tensor.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.functional import Network, Params, paths
from vlogger_jax.media import tensor_file
from vlogger_jax.media.tensor_file import Tensor
from vlogger_jax.nn.resnet import up
from vlogger_jax.video import layout
from vlogger_jax.video.layout import Heads, HeadWidth, Model
from vlogger_jax.video.unet import UNet

Order = Literal["legacy", "new"]
"""How queries, keys and values lie in one tensor: "legacy" all three head by head, "new" all heads of each together
(`use_new_attention_order`)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Released:
    """A network that weights have been published of.

    Attributes:
        order: of its queries, keys and values.
        schedule: that it was trained with, as the section `diffusion` of a config names it.
    """

    model: Model
    order: Order = "legacy"
    schedule: Literal["ddpm", "ddpm_cosine"] = "ddpm"


def _adm(size: int, channels: int, multipliers: tuple[int | float, ...], **others) -> Model:
    usual = dict(c_in=3, c_out=6, blocks=2, attention=(32, 16, 8), heads=HeadWidth(channels=64), classes=1000)
    return Model(size=size, channels=channels, multipliers=multipliers, **{**usual, **others})


_SIX_LEVELS = (1, 1, 2, 2, 4, 4)
_UNCONDITIONAL = _adm(256, 256, _SIX_LEVELS, classes=None)

RELEASED = {
    "64x64_diffusion": Released(
        model=_adm(64, 192, (1, 2, 3, 4), blocks=3, dropout=0.1), order="new", schedule="ddpm_cosine"
    ),
    "128x128_diffusion": Released(model=_adm(128, 256, (1, 1, 2, 3, 4), heads=Heads(number=4))),
    "256x256_diffusion": Released(model=_adm(256, 256, _SIX_LEVELS)),
    "256x256_diffusion_uncond": Released(model=_UNCONDITIONAL),
    "512x512_diffusion": Released(model=_adm(512, 256, (0.5, *_SIX_LEVELS))),
    "64_256_upsampler": Released(model=_adm(256, 192, _SIX_LEVELS, c_in=6, heads=Heads(number=4))),
    "128_512_upsampler": Released(model=_adm(512, 192, _SIX_LEVELS, c_in=6, attention=(32, 16))),
    # Of P2 weighting (Choi et al. 2022) and DPS (Chung et al. 2023): ffhq_10m.pt.
    "ffhq_10m": Released(model=_adm(256, 128, _SIX_LEVELS, blocks=1, attention=(16,), classes=None)),
    # Of "Label-efficient semantic segmentation with diffusion models" (Baranchuk et al. 2022): ffhq.pt.
    "ffhq_ddpm_segmentation": Released(model=_UNCONDITIONAL),
}
"""By the names of their files; all predict eps and a variance. Upsamplers are given x_t and the small picture, enlarged
bilinearly, one after the other."""


def released(name: str) -> Released:
    """One of `RELEASED`.

    Raises:
        UserError: if it is none.
    """
    if name not in RELEASED:
        raise UserError(f"there is no released network named {name!r}", f"Name one of {', '.join(RELEASED)}")
    return RELEASED[name]


def load(path: str | Path, model: Model, order: Order) -> Params:
    """The parameters that a file holds, in float32; see `tensor_file.read` and `to_params`."""
    return to_params(tensor_file.read(path), model, order, str(path))


def to_params(
    tensors: Mapping[str, np.ndarray | Tensor], model: Model, order: Order, where: str = "the state dict"
) -> Params:
    """ADM's state dict as parameters of `UNet(model)`, in float32.

    Args:
        tensors: by ADM's names.
        order: of queries, keys and values in it.
        where: what holds them, as messages call it.

    Raises:
        UserError: if a tensor is missing, has no place in this network, has another shape, or holds no fractions.
    """
    sources = {source.name: source for source in _sources(model, order)}
    wrong = {
        "it lacks": [name for name in sources if name not in tensors],
        "nothing asks for": [str(name) for name in tensors if name not in sources],
        "of another shape are": [
            f"{name} {list(tensors[name].shape)} instead of {list(source.shape)}"
            for name, source in sources.items()
            if name in tensors and tuple(tensors[name].shape) != source.shape
        ],
        "no fractions are": [
            name for name in sources if name in tensors and not jnp.issubdtype(tensors[name].dtype, jnp.floating)
        ],
    }
    if any(wrong.values()):
        said = "; ".join(f"{kind} {_some(names)}" for kind, names in wrong.items() if names)
        raise UserError(f"{where} holds another network: {said}", "Give the model and the weights of the same one")
    params: Params = {}
    for source in sources.values():
        array = np.asarray(tensors[source.name]).astype(np.float32, copy=False)
        for path, part in source.parts.items():
            _put(params, path.split("/"), np.ascontiguousarray(part(array)))
    return params


def as_base(params: Params, model: Model) -> tuple[Params, Model]:
    """The same network as a base of the video network: of no class in particular, and without a variance.

    It is told the mean of all classes, which is a constant, and so lies in the bias of its embedding.

    Raises:
        UserError: if it is given more than x_t, as upsamplers are.
    """
    colours = 3
    if model.c_in != colours:
        raise UserError(f"a network of {model.c_in} channels is no base", "Give one that sees x_t alone, no upsampler")
    embedding, decoder = dict(params["embedding"]), dict(params["decoder"])
    if (label := embedding.pop("label", None)) is not None:
        second = embedding["time"]["second"]
        told = {**second, "bias": second["bias"] + label["embedding"].mean(axis=0)}
        embedding["time"] = {**embedding["time"], "second": told}
    decoder["out"] = {name: np.ascontiguousarray(leaf[..., :colours]) for name, leaf in decoder["out"].items()}
    return {**params, "embedding": embedding, "decoder": decoder}, replace(model, c_out=colours, classes=None)


def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that ADM has for this network."""
    return {source.name: source.shape for source in _sources(model, "new")}


_Part = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Source:
    """One of ADM's tensors, and what becomes of it.

    Attributes:
        parts: path in `Params` -> what of the tensor lies there.
    """

    name: str
    shape: tuple[int, ...]
    parts: dict[str, _Part]


@lru_cache(maxsize=2)
def _ours(model: Model) -> dict[str, jax.ShapeDtypeStruct]:
    return paths(Network(partial(UNet, model)).shapes())


def _sources(model: Model, order: Order) -> Iterator[_Source]:
    ours = _ours(model)
    for name, path in _modules(model):
        if name.endswith(".qkv"):
            yield from _attention(name, path, ours[f"{path}/query/kernel"].shape, order, model)
        elif f"{path}/scale" in ours:
            for theirs, leaf in (("weight", "scale"), ("bias", "bias")):
                yield _Source(f"{name}.{theirs}", ours[f"{path}/{leaf}"].shape, {f"{path}/{leaf}": np.asarray})
        elif f"{path}/embedding" in ours:
            yield _Source(f"{name}.weight", ours[f"{path}/embedding"].shape, {f"{path}/embedding": np.asarray})
        else:
            *window, c_in, c_out = ours[f"{path}/kernel"].shape
            if name.endswith(".proj_out"):  # a convolution of one pixel
                shape, part = (c_out, c_in, 1), lambda weight: weight[..., 0].T
            elif window:
                shape, part = (c_out, c_in, *window), lambda weight: weight.transpose(2, 3, 1, 0)
            else:
                shape, part = (c_out, c_in), np.transpose
            yield _Source(f"{name}.weight", shape, {f"{path}/kernel": part})
            yield _Source(f"{name}.bias", (c_out,), {f"{path}/bias": np.asarray})


def _attention(name: str, path: str, kernel: tuple[int, ...], order: Order, model: Model) -> Iterator[_Source]:
    c = kernel[0]
    heads = model.heads.of(c)

    def of(which: int, tensor: np.ndarray) -> np.ndarray:
        """Queries, keys or values, [c, ...]."""
        rest = tensor.shape[1:]
        if order == "new":
            return tensor.reshape(3, c, *rest)[which]
        return tensor.reshape(heads, 3, c // heads, *rest)[:, which].reshape(c, *rest)

    def kernel_of(which: int, weight: np.ndarray) -> np.ndarray:
        return of(which, weight[..., 0]).T

    for theirs, shape, leaf, part in (
        ("weight", (3 * c, c, 1), "kernel", kernel_of),
        ("bias", (3 * c,), "bias", of),
    ):
        parts = {f"{path}/{kind}/{leaf}": partial(part, i) for i, kind in enumerate(("query", "key", "value"))}
        yield _Source(f"{name}.{theirs}", shape, parts)


def _modules(model: Model) -> Iterator[tuple[str, str]]:
    """(ADM's name, our path) of every layer; of queries, keys and values, the path of what holds all three."""
    yield "time_embed.0", "embedding/time/first"
    yield "time_embed.2", "embedding/time/second"
    if model.classes is not None:
        yield "label_emb", "embedding/label"
    yield "input_blocks.0.0", "encoder/stem"
    for i, row in enumerate(layout.encoder(model)):
        yield from _row(row, f"input_blocks.{i + 1}", 0, f"encoder/blocks/{i}")
    child = 0
    for i, row in enumerate(layout.middle(model)):
        yield from _row(row, "middle_block", child, f"encoder/middle/{i}")
        child += 1 + row.attention
    block = -1
    for i, row in enumerate(layout.decoder(model)):
        # ADM's blocks go up at their end, after what takes the skip.
        block, child = (block, child) if row.resample is up else (block + 1, 0)
        yield from _row(row, f"output_blocks.{block}", child, f"decoder/blocks/{i}")
        child += 1 + row.attention
    yield "out.0", "decoder/norm"
    yield "out.2", "decoder/out"


_RESIDUAL = {
    "in_layers.0": "norm_1",
    "in_layers.2": "conv_1",
    "emb_layers.1": "film/scale_shift",
    "out_layers.0": "norm_2",
    "out_layers.3": "conv_2",
    "skip_connection": "skip",
}
_ATTENTION = {"norm": "norm", "qkv": "attention", "proj_out": "attention/project"}


def _row(row: layout.Row, block: str, child: int, path: str) -> Iterator[tuple[str, str]]:
    for theirs, ours in _RESIDUAL.items():
        if ours != "skip" or row.c_in != row.c_out:
            yield f"{block}.{child}.{theirs}", f"{path}/res/{ours}"
    if row.attention:
        yield from (
            (f"{block}.{child + 1}.{theirs}", f"{path}/attention/{ours}") for theirs, ours in _ATTENTION.items()
        )


def _put(tree: Params, path: list[str], leaf: np.ndarray) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = leaf


_NAMED_AT_MOST = 4


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")
