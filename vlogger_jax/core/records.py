"""The records that stages hand each other: frozen dataclasses of arrays, registered as pytrees.

Array fields carry leading batch dimensions `*b`; fields marked static are part of the tree's structure. Making a record
by hand checks every shape and dtype against the annotations below, which are the contract; unflattening bypasses that
check, so that tracing, sharding trees, `None` leaves and other dtypes (`jax.tree.map(lambda x: x.astype(...), record)`)
pass.

World: SMPL-X axes (x to the person's left, y up, z out of the chest), metres, radians. Time: frame i is at i / fps s.
"""

import dataclasses
import functools
import math
import typing
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeVar, dataclass_transform

import jax
import jaxtyping

from vlogger_jax.core.typing import Array, Bool, Float32, UInt8, UInt16

R = TypeVar("R")


def static(**options: Any) -> Any:
    """A record field that belongs to the tree's structure: compared and hashed, never traced."""
    return dataclasses.field(metadata={"static": True}, **options)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(static,))
def record(cls: type[R]) -> type[R]:
    """Make `cls` a frozen keyword-only dataclass, a pytree, and checked against its annotations when constructed."""
    cls.__post_init__ = _check  # type: ignore[attr-defined]
    cls = dataclasses.dataclass(frozen=True, kw_only=True, eq=False)(cls)
    # In one jaxtyping context a dimension of one name has one size in all fields. The import hook of the tests skips
    # a constructor that has a context already, so that everyone sees the errors of `_check`.
    cls.__init__ = jaxtyping.jaxtyped(cls.__init__, typechecker=None)  # type: ignore[misc]
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    meta = tuple(field.name for field in fields if field.metadata.get("static"))
    data = tuple(field.name for field in fields if not field.metadata.get("static"))

    def flatten_with_keys(instance):
        children = [(jax.tree_util.GetAttrKey(name), getattr(instance, name)) for name in data]
        return children, tuple(getattr(instance, name) for name in meta)

    def flatten(instance):
        return [getattr(instance, name) for name in data], tuple(getattr(instance, name) for name in meta)

    def unflatten(aux, children):
        instance = object.__new__(cls)
        for name, value in zip(meta + data, (*aux, *children), strict=True):
            object.__setattr__(instance, name, value)
        return instance

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def _check(self: Any) -> None:
    """Raise ValueError naming the first field whose value does not match its annotation."""
    hints = _hints(type(self))
    sizes: dict[str, Any] = {}  # of the fields before
    for field in dataclasses.fields(self):
        value, options = getattr(self, field.name), typing.get_args(hints[field.name]) or (hints[field.name],)
        if field.metadata.get("static"):
            wanted, holds = _STATIC.get(field.name, ("anything", lambda value: True))
            if not holds(value):
                raise ValueError(f"{type(self).__name__}.{field.name} is {value!r}; expected {wanted}")
            continue
        here = _sizes(getattr(options[0], "dim_str", ""), getattr(value, "shape", ()))
        if not any(isinstance(value, option) for option in options):
            found = f"{value.dtype} {tuple(value.shape)}" if hasattr(value, "shape") else repr(value)
            wanted = " or ".join(dict.fromkeys(_describe(option) for option in options))
            differ = [f"{dim} = {sizes[dim]}" for dim, size in here.items() if sizes.get(dim, size) != size]
            where = f" with {', '.join(differ)} as elsewhere" if differ else ""
            raise ValueError(f"{type(self).__name__}.{field.name} is {found}; expected {wanted}{where}")
        sizes |= here


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    """Looking them up takes longer than checking them."""
    return typing.get_type_hints(cls)


def _describe(hint: Any) -> str:
    shape = getattr(hint, "dim_str", None)
    name = hint.__name__.split("[")[0]
    return name if shape is None else f"{name} ({shape})"


def _sizes(dims: str, shape: Sequence[int]) -> dict[str, Any]:
    """The sizes of an annotation's named dimensions; `*b` takes what the others leave."""
    names, found, leading = dims.split(), {}, 0
    if dims.startswith("*"):
        leading = max(len(shape) - len(names) + 1, 0)
        found[names.pop(0)] = tuple(shape[:leading])
    return found | {dim: size for dim, size in zip(names, shape[leading:], strict=False) if not dim.isdigit()}


def _is_size(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(side, int) and side > 0 for side in value)


_STATIC = {  # what a static field of this name must be
    "fps": ("a positive number", lambda fps: isinstance(fps, Real) and 0 < fps < math.inf),
    "body": ("the name of a body", lambda body: isinstance(body, str)),
    "size": ("a tuple of two positive whole numbers", _is_size),
}


@record
class AudioFeatures:
    """What the motion network hears.

    Column k of frame i is centred at sample round((i + k/4)·16000/fps).

    Attributes:
        mel: natural log of mel power, 80 Slaney bands over 0-8 kHz, floored at 1e-5.
        fps: frames/s.
    """

    mel: Float32[Array, "*b t 4 80"]
    fps: float = static()


@record
class Motion:
    """A person over time, in the parameters of SMPL-X.

    Rotations are axis-angle in radians, each relative to the joint's parent; hands are complete (hand mean included).
    `global_orient` turns the body about its pelvis joint; `transl` (metres) is added last and is not rotated.

    Attributes:
        fps: frames/s.
        body: whose parameters these are: `default-v1`, or `smplx-` and 12 hex digits of the model file's sha256.
    """

    betas: Float32[Array, "*b nb"]
    expression: Float32[Array, "*b t ne"]
    global_orient: Float32[Array, "*b t 3"]
    body_pose: Float32[Array, "*b t 21 3"]
    jaw_pose: Float32[Array, "*b t 3"]
    leye_pose: Float32[Array, "*b t 3"]
    reye_pose: Float32[Array, "*b t 3"]
    left_hand_pose: Float32[Array, "*b t 15 3"]
    right_hand_pose: Float32[Array, "*b t 15 3"]
    transl: Float32[Array, "*b t 3"]
    fps: float = static()
    body: str = static()


@record
class Camera:
    """A pinhole camera: x_cam = rotation · x_world + translation, axes x right, y down, z forward.

    The pixel in row i and column j has its centre at (j + 0.5, i + 0.5).

    Attributes:
        focal: pixels; pixels are square.
        principal: (x, y) in pixels.
        rotation: world to camera.
        translation: metres.
        size: (height, width) of the image in pixels.
    """

    focal: Float32[Array, "*b"]
    principal: Float32[Array, "*b 2"]
    rotation: Float32[Array, "*b 3 3"]
    translation: Float32[Array, "*b 3"]
    size: tuple[int, int] = static()


@record
class GBuffer:
    """Which point of the bare body each pixel sees.

    Attributes:
        face_index: index of the nearest face, `BACKGROUND` where there is none.
        bary: perspective-correct weights of the face's second and third vertices, times 255.
    """

    face_index: UInt16[Array, "*b t h w"]
    bary: UInt8[Array, "*b t h w 2"]


BACKGROUND = 65535
"""`GBuffer.face_index` of a pixel that sees no body."""


@record
class Controls:
    """The images that steer the video network (paper section 3.1).

    Attributes:
        dense: canonical position, (v_template - centre of its box) / half its longest side, from [-1, 1] to uint16.
        label: `body.names.LABELS`, 0 where there is no body.
        warp_uv: (x, y) in the reference image, pixels, that each pixel comes from.
        warp_mask: where `warp_uv` is to be trusted.
        warp: the reference image sampled at `warp_uv`, 0 where it is not to be trusted.
        composite: the reference moved by the body's flow over a filled background.
        matte: coverage of the person, 255 inside.
    """

    dense: UInt16[Array, "*b t h w 3"]
    label: UInt8[Array, "*b t h w"]
    warp_uv: Float32[Array, "*b t h w 2"]
    warp_mask: Bool[Array, "*b t h w"]
    warp: UInt8[Array, "*b t h w 3"]
    composite: UInt8[Array, "*b t h w 3"]
    matte: UInt8[Array, "*b t h w"]


@record
class Clip:
    """Frames with their sound.

    Attributes:
        frames: sRGB.
        waveform: mono, 16,000 samples/s, in [-1, 1].
        fps: frames/s.
    """

    frames: UInt8[Array, "*b t h w 3"]
    waveform: Float32[Array, "*b s"] | None = None
    fps: float = static()
