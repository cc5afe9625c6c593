"""What people wear and what grows on them, as one mesh of fixed size over the body: `pose` gives its vertices."""

import jax
import numpy as np

from data_pipelines.avatars.wear import figure as figures
from data_pipelines.avatars.wear.dressing import together
from data_pipelines.avatars.wear.pieces import Free, Shell
from data_pipelines.avatars.wear.styles import Wear
from vlogger_jax.body import names, rotation, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.records import Motion, record
from vlogger_jax.core.typing import Array, Float, Int, UInt8, namespace

MATERIALS = (
    *("body", "garment", "jacket", "trousers", "hair", "beard", "hat", "frame", "jewel", "held", "lash", "collar"),
    "scarf",
)
"""What a face of the outfit is made of; 0 is the bare body, whose parts `BodyModel.labels` tells."""

SHELL, FREE, FACES = 17000, 15000, 73000
"""Sizes of every dressed outfit: vertices over the body, vertices of their own, faces with the body's."""


@record
class Outfit:
    """The body's faces, then everything else; the same shapes for every identity, so that one program draws them all.

    Vertices are the body's [v], then `shell` ones (points of the body moved out along its normals), then `free` ones
    (skinned on their own). What an identity does not have are faces (0, 0, 0), which no rasteriser sees.

    Attributes:
        shell_vertex, shell_toward, shell_share: a shell vertex lies over the body's edge from the first to the second
            vertex, that part of the way; 0 for most, which lie over a vertex.
        shell_offset: metres along the posed body's normal there.
        free_position: metres, in the rest pose of this identity (betas applied, no expression).
        free_joints, free_weights: four joints that a free vertex follows, and how much; weights sum to 1.
        faces: all of them, the body's first, counter-clockwise seen from outside. Parts seen from both sides (hair,
            cloth that hangs free) have their faces a second time, reversed.
        around: faces that a vertex's normal is the mean of, `f` where there are fewer; never the reversed ones, so the
            normal of what is seen from its back points away.
        material: `MATERIALS` of every face.
        place: texture coordinates of every vertex of the outfit in metres: for body and shells the canonical rest
            position (`model.v_template`); for hair, beard and lashes (strand number, metres along the strand from its
            root, 0..1 across); else the free vertex's own rest position about its object's middle.
        tangent: unit direction of strands in the rest pose for hair, beard and lashes; 0 elsewhere. [n 3]
    """

    shell_vertex: Int[Array, "*b ns"]
    shell_toward: Int[Array, "*b ns"]
    shell_share: Float[Array, "*b ns"]
    shell_offset: Float[Array, "*b ns"]
    free_position: Float[Array, "*b nf 3"]
    free_joints: Int[Array, "*b nf 4"]
    free_weights: Float[Array, "*b nf 4"]
    faces: Int[Array, "*b f 3"]
    around: Int[Array, "*b n k"]
    material: UInt8[Array, "*b f"]
    place: Float[Array, "*b n 3"]
    tangent: Float[Array, "*b n 3"]


@record
class PosedOutfit:
    """An outfit over time, metres, in the world of its motion.

    Attributes:
        normals: outward unit normals of the vertices.
        tangents: unit directions of strands, root to tip; 0 elsewhere.
    """

    vertices: Float[Array, "*b t n 3"]
    normals: Float[Array, "*b t n 3"]
    tangents: Float[Array, "*b t n 3"]


def bare(model: BodyModel) -> Outfit:
    """Nothing but the body."""
    zero = np.zeros
    return Outfit(
        shell_vertex=zero(0, np.int32),
        shell_toward=zero(0, np.int32),
        shell_share=zero(0, np.float32),
        shell_offset=zero(0, np.float32),
        free_position=zero((0, 3), np.float32),
        free_joints=zero((0, 4), np.int32),
        free_weights=zero((0, 4), np.float32),
        faces=np.asarray(model.faces),
        around=figures.anatomy(model).around,
        material=zero(len(model.faces), np.uint8),
        place=np.asarray(model.v_template),
        tangent=zero(model.v_template.shape, np.float32),
    )


def dress(model: BodyModel, betas: Float[np.ndarray, "nb"], wear: Wear, rng: np.random.Generator) -> Outfit:
    """What the identity of `betas` looks like in `wear`; `rng` places the strands of hair.

    Raises:
        ValueError: if the pieces do not fit into `SHELL`, `FREE` and `FACES`, which no sampled `Wear` does.
    """
    figure = figures.make(model, betas)
    pieces = together(figure, wear, rng)
    shells, free = pieces.shells, pieces.free
    vertex = _fill([piece.vertex for piece in shells], SHELL, np.int32)
    position = _fill([piece.position for piece in free], FREE, width=3)
    count, own = figure.rest.shape[0], len(figure.anatomy.faces)
    starts = [
        *np.cumsum([count, *(len(piece.vertex) for piece in shells)])[:-1],
        *np.cumsum([count + SHELL, *(len(piece.position) for piece in free)])[:-1],
    ]
    fronts = [piece.faces + start for piece, start in zip([*shells, *free], starts, strict=True)]
    kinds = [np.full(len(piece.faces), MATERIALS.index(piece.material)) for piece in [*shells, *free]]
    backs = [index for index, piece in enumerate([*shells, *free]) if piece.back]
    faces = [figure.anatomy.faces, *fronts, *(fronts[index][:, ::-1] for index in backs)]
    around = figures.faces_around(np.concatenate(fronts) - count, SHELL + FREE)
    none = sum(len(front) for front in fronts)
    return Outfit(
        shell_vertex=vertex,
        shell_toward=_fill([piece.toward for piece in shells], SHELL, np.int32),
        shell_share=_fill([piece.share for piece in shells], SHELL),
        shell_offset=_fill([piece.offset for piece in shells], SHELL),
        free_position=position,
        free_joints=_fill([piece.joints for piece in free], FREE, np.int32, width=4),
        free_weights=_fill([piece.weights for piece in free], FREE, width=4, rest=(1.0, 0.0, 0.0, 0.0)),
        faces=_fill(faces, FACES, np.int32, width=3),
        around=np.concatenate(
            [
                np.where(figure.anatomy.around == own, FACES, figure.anatomy.around),
                np.where(around == none, FACES, around + own),
            ]
        ).astype(np.int32),
        material=_fill([np.zeros(own), *kinds, *(kinds[index] for index in backs)], FACES, np.uint8),
        place=np.concatenate(
            [
                np.asarray(model.v_template),
                _fill(
                    [_over(figure, piece) if piece.place is None else piece.place for piece in shells], SHELL, width=3
                ),
                _fill([_centred(piece) if piece.place is None else piece.place for piece in free], FREE, width=3),
            ]
        ),
        tangent=np.concatenate(
            [
                np.zeros((count, 3), np.float32),
                _fill([_no_tangents(p.vertex) if p.tangent is None else p.tangent for p in shells], SHELL, width=3),
                _fill([_no_tangents(p.position) if p.tangent is None else p.tangent for p in free], FREE, width=3),
            ]
        ),
    )


def pose(model: BodyModel, outfit: Outfit, motion: Motion) -> PosedOutfit:
    """The outfit of one person on the body that `motion` moves; numpy or JAX, under `jit`, `vmap` for several people.

    Raises:
        UserError: as `smplx.pose`.
    """
    posed = smplx.pose(model, motion)
    xp = namespace(posed.vertices, outfit.faces, outfit.free_position)
    body, world = xp.asarray(posed.vertices), xp.asarray(posed.joint_rotation)
    faces, around = xp.asarray(outfit.faces), xp.asarray(outfit.around)
    count, own, total = body.shape[-2], model.faces.shape[0], faces.shape[0]
    body_normals = _normals(body, faces[:own], xp.minimum(around[:count], own))
    share = xp.asarray(outfit.shell_share)[:, None]

    def over(values: Array) -> Array:
        first, second = values[..., outfit.shell_vertex, :], values[..., outfit.shell_toward, :]
        return first + share * (second - first)

    shell = over(body) + xp.asarray(outfit.shell_offset)[:, None] * over(body_normals)
    position = posed.joints[..., : world.shape[-3], :]
    rest = xp.asarray(model.joint_template) + xp.asarray(model.joint_shapedirs) @ motion.betas
    shift = position - rotation.matmul(world, rest[..., None])[..., 0]
    rigid = xp.concatenate([world.reshape(*world.shape[:-2], 9), shift], axis=-1)
    # A dense product is several times quicker than gathering four joints for every vertex.
    joint = xp.arange(world.shape[-3])
    follows, share_of = xp.asarray(outfit.free_joints)[..., None] == joint, xp.asarray(outfit.free_weights)[..., None]
    weights = sum(follows[:, slot] * share_of[:, slot] for slot in range(4))
    with jax.default_matmul_precision("highest"):
        mixed = weights @ rigid
    turn = mixed[..., :9].reshape(*mixed.shape[:-1], 3, 3)
    free = (turn * xp.asarray(outfit.free_position)[..., None, :]).sum(axis=-1) + mixed[..., 9:]
    worn = xp.concatenate([shell, free], axis=-2)
    beyond = xp.where(around[count:] == total, total - own, around[count:] - own)
    normals = _normals(worn, xp.maximum(faces[own:] - count, 0), beyond)
    tangent = xp.asarray(outfit.tangent)
    first = count + shell.shape[-2]
    head = world[..., names.JOINTS.index("head"), :, :]
    stiff = (head[..., None, :, :] * tangent[:first, None, :]).sum(axis=-1)
    tangents = xp.concatenate([stiff, (turn * tangent[first:, None, :]).sum(axis=-1)], axis=-2)
    return PosedOutfit(
        vertices=xp.concatenate([body, worn], axis=-2),
        normals=xp.concatenate([body_normals, normals], axis=-2),
        tangents=_unit(tangents),
    )


def _normals(vertices: Array, faces: Array, around: Array) -> Array:
    """Outward unit normals; `around` is `len(faces)` for no face."""
    xp = namespace(vertices, faces, around)
    a, b, c = (vertices[..., faces[:, corner], :] for corner in range(3))
    p, q = b - a, c - a
    across = xp.stack(
        [
            p[..., 1] * q[..., 2] - p[..., 2] * q[..., 1],
            p[..., 2] * q[..., 0] - p[..., 0] * q[..., 2],
            p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0],
        ],
        axis=-1,
    )
    none = xp.zeros_like(across[..., :1, :])
    return _unit(xp.concatenate([across, none], axis=-2)[..., around, :].sum(axis=-2))


def _unit(vectors: Array) -> Array:
    xp = namespace(vectors)
    return vectors / xp.sqrt(xp.maximum((vectors * vectors).sum(axis=-1, keepdims=True), 1e-24))


def _over(figure: figures.Figure, shell: Shell) -> np.ndarray:
    """The canonical positions that a shell lies over."""
    template, share = figure.anatomy.template, shell.share[:, None]
    return (1 - share) * template[shell.vertex] + share * template[shell.toward]


def _centred(free: Free) -> np.ndarray:
    return free.position - (free.position.max(axis=0) + free.position.min(axis=0)) / 2


def _no_tangents(vertices: np.ndarray) -> np.ndarray:
    return np.zeros((len(vertices), 3))


def _fill(
    arrays: list[np.ndarray],
    size: int,
    dtype: type = np.float32,
    width: int | None = None,
    rest: float | tuple[float, ...] = 0.0,
) -> np.ndarray:
    """All arrays one after another, and `rest` after them up to `size`."""
    found = np.empty((size,) if width is None else (size, width), dtype)
    end = sum(len(array) for array in arrays)
    if end > size:
        raise ValueError(f"the outfit has {end} rows where {size} are the most")
    if end:
        np.concatenate(arrays, out=found[:end], casting="unsafe")
    found[end:] = rest
    return found
