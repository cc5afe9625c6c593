"""One frame from one person: pose, rasterise, find the key's shadows, shade every sample, composite, expose.

Everything is computed at the samples, four a pixel, from the canonical position of what they see: there is no texture
map, and pictures of any size show the same person. Samples are shaded by kind (skin, wet parts, cloth, hair), a fixed
number at a time, so that the work follows what is there.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars import outfit as outfits
from data_pipelines.avatars.look import cloth, colour, defects, eyes, hair, shadow, skin
from data_pipelines.avatars.look.chart import MASKS, Chart
from data_pipelines.avatars.look.sample import Look
from data_pipelines.avatars.look.samples import Samples
from data_pipelines.avatars.outfit import MATERIALS, Outfit
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, raster
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, GBuffer, Motion, record
from vlogger_jax.core.typing import Array, Float, Int, UInt8

SUPERSAMPLE = 2
CHUNK = 4096
BRIGHTEST = 2.5
"""Linear light that a sample counts at most: else edges of highlights would be jagged."""

_WET = ("sclera", "iris", "upper teeth", "lower teeth", "tongue", "mouth cavity")
_SKIN_KIND, _WET_KIND, _CLOTH_KIND, _HAIR_KIND = range(4)


@record
class Person:
    """A person ready to be drawn, the same for all frames.

    Attributes:
        table: of every vertex: `Outfit.place`, canonical normal (0 where there is none), `chart.MASKS`.
        kind: of every face, which shader it takes.
        label: of every face, `body.names.LABELS`; 0 off the body.
        atlas: linear colours and opacity.
        background: linear light at the picture's size.
    """

    outfit: Outfit
    look: Look
    table: Float[Array, "n c"]
    kind: Int[Array, "f"]
    label: Int[Array, "f"]
    atlas: Float[Array, "k m 4"]
    background: Float[Array, "s s 3"]


@record
class Frame:
    """One frame.

    Attributes:
        rgb: sRGB.
        matte: coverage of the person.
        gbuffer: of the bare body, at the picture's size.
        light: linear light before the camera's defects.
    """

    rgb: UInt8[Array, "s s 3"]
    matte: UInt8[Array, "s s"]
    gbuffer: GBuffer
    light: Float[Array, "s s 3"]


def prepare(
    model: BodyModel,
    chart: Chart,
    outfit: Outfit,
    look: Look,
    atlas: UInt8[Array, "k m 4"],
    background: Float[Array, "b b 3"],
    size: int,
) -> Person:
    """What all frames of a clip share; under `jit` with `size` static."""
    count, own = len(chart.normal), len(model.labels)
    body = jnp.concatenate([jnp.asarray(chart.normal), jnp.asarray(chart.masks)], axis=-1)
    shell = body[outfit.shell_vertex].at[:, 3 + MASKS.index("open")].set(1.0)
    free = jnp.zeros((len(outfit.place) - count - len(shell), body.shape[1]))
    free = free.at[:, 3 + MASKS.index("open")].set(1.0)
    material = jnp.asarray(outfit.material).astype(jnp.int32)
    label = jnp.pad(jnp.asarray(model.labels).astype(jnp.int32), (0, len(material) - own))
    wet = np.isin(np.arange(len(names.LABELS)), [names.LABELS.index(name) for name in _WET])
    kind = jnp.where(jnp.asarray(wet)[label], _WET_KIND, _SKIN_KIND)
    strands = np.isin(MATERIALS, ("hair", "beard", "lash"))
    kind = jnp.where(material == 0, kind, jnp.where(jnp.asarray(strands)[material], _HAIR_KIND, _CLOTH_KIND))
    texels = jnp.asarray(atlas).astype(jnp.float32) / 255.0
    # Smoother than linear: a background seen at four times its own size must not show its texels.
    behind = jax.image.resize(background, (size, size, 3), "cubic", antialias=True)
    return Person(
        outfit=outfit,
        look=look,
        table=jnp.concatenate([outfit.place, jnp.concatenate([body, shell, free])], axis=-1),
        kind=kind,
        label=label,
        atlas=jnp.concatenate([colour.linear(texels[..., :3]), texels[..., 3:]], axis=-1),
        background=jnp.clip(behind, 0.0, 1.0),
    )


def frame(model: BodyModel, chart: Chart, person: Person, motion: Motion, camera: Camera, key: Array) -> Frame:
    """The one frame of `motion` as `camera` sees it; `key` draws the sensor's noise."""
    size = camera.size
    posed = outfits.pose(model, person.outfit, motion)
    light, coverage = shade(chart, person, jax.tree.map(lambda each: each[0], posed), camera)
    light = light + (1.0 - coverage[..., None]) * person.background[: size[0], : size[1]]
    bare = gbuffers.render(posed.vertices[:, : len(chart.normal)], model.faces, camera)
    return Frame(
        rgb=defects.photograph(person.look.defects, light, key),
        matte=defects.to_bytes(coverage),
        gbuffer=jax.tree.map(lambda each: each[0], bare),
        light=light,
    )


def shade(chart: Chart, person: Person, posed: outfits.PosedOutfit, camera: Camera) -> tuple[Array, Array]:
    """Linear light of the person alone [h, w, 3], and coverage [h, w]."""
    height, width = camera.size
    rows, columns = height * SUPERSAMPLE, width * SUPERSAMPLE
    total, look, faces = rows * columns, person.look, person.outfit.faces
    pixels, depth = cameras.project(camera, posed.vertices)
    seen = raster.rasterize(pixels[None], depth[None], faces, size=camera.size, supersample=SUPERSAMPLE)
    index, bary, distance = (
        each[0].reshape(total, *each.shape[3:]) for each in (seen.face_index, seen.bary, seen.depth)
    )
    covered = index != raster.NO_FACE
    index = jnp.where(covered, index, 0)
    inside = (pixels > -0.1 * width).all(-1) & (pixels < 1.1 * jnp.array([width, height])).all(-1) & (depth > 0.05)
    caster = shadow.cast(posed.vertices, faces, inside, look.light.direction[0])
    kind = jnp.where(covered, person.kind[index], -1)
    lid = _lids(covered, person.label[index], distance, camera).reshape(total)
    eye = -camera.rotation.T @ camera.translation

    def at(which: Array) -> Samples:
        """What the samples `which` see; those beyond the last see what the first does."""
        face = index[which]
        corner, weight = faces[face], bary[which][..., None]
        row, column = which // columns, which % columns
        ray = (jnp.stack([column, row], axis=-1) + 0.5) / SUPERSAMPLE - camera.principal
        ray = jnp.concatenate([ray / camera.focal, jnp.ones((len(which), 1))], axis=-1)
        far = jnp.where(covered[which], distance[which], 1.0)
        point = (ray * far[:, None] - camera.translation) @ camera.rotation
        view = _unit(eye - point)
        normal = _unit((posed.normals[corner] * weight).sum(axis=1))
        # Hair and free cloth are seen from both sides.
        normal = normal * jnp.where((normal * view).sum(axis=-1) < 0, -1.0, 1.0)[:, None]
        rows_of = person.table[corner]
        found = (rows_of * weight).sum(axis=1)
        place, rest, masks = found[:, :3], found[:, 3:6], found[:, 6:]
        flat = jnp.cross(rows_of[:, 1, :3] - rows_of[:, 0, :3], rows_of[:, 2, :3] - rows_of[:, 0, :3])
        rest = jnp.where((rest**2).sum(axis=-1, keepdims=True) > 0.01, rest, flat)
        return Samples(
            normal=normal,
            view=view,
            tangent=_unit((posed.tangents[corner] * weight).sum(axis=1)),
            place=place,
            rest=_unit(rest),
            masks=masks,
            label=person.label[face],
            material=person.outfit.material[face].astype(jnp.int32),
            footprint=far / (camera.focal * SUPERSAMPLE),
            lit=shadow.lit(caster, point, normal),
            open=masks[:, MASKS.index("open")],
            lid=lid[which],
        )

    shaders: tuple[Callable[[Samples], Array], ...] = (
        lambda samples: skin.shade(look.skin, look.marks, look.ink, person.atlas, chart, look.light, samples),
        lambda samples: eyes.shade(look.eyes, chart, look.light, samples),
        lambda samples: cloth.shade(look.cloth, look.printed, person.atlas, look.light, samples),
        lambda samples: hair.shade(look.hair, look.light, samples),
    )
    picture = jnp.zeros((total, 3))
    for number, shader in enumerate(shaders):
        picture = _over(kind == number, lambda which, shader=shader: shader(at(which)), picture)
    light = jnp.clip(picture, 0.0, BRIGHTEST).reshape(height, SUPERSAMPLE, width, SUPERSAMPLE, 3).mean(axis=(1, 3))
    return light, covered.reshape(height, SUPERSAMPLE, width, SUPERSAMPLE).mean(axis=(1, 3))


def _over(chosen: Array, shader: Callable[[Array], Array], picture: Array) -> Array:
    """`picture` with the chosen samples shaded, `CHUNK` at a time."""
    total = len(picture)
    count = chosen.sum()
    order = jnp.nonzero(chosen, size=total + CHUNK, fill_value=total)[0]

    def more(state: tuple[Array, Array]) -> Array:
        return state[0] < count

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        start, found = state
        which = jax.lax.dynamic_slice(order, (start,), (CHUNK,))
        shaded = shader(jnp.minimum(which, total - 1))
        return start + CHUNK, jax.lax.dynamic_update_slice(found, shaded, (start, 0))

    _, found = jax.lax.while_loop(more, step, (jnp.int32(0), jnp.zeros((total + CHUNK, 3))))
    return picture.at[order].set(found, mode="drop")


def _lids(covered: Array, label: Array, distance: Array, camera: Camera) -> Float[Array, "h w"]:
    """Part of the light that reaches an eye under its lids: how much of what is just above it in the picture is eye."""
    rows, columns = (side * SUPERSAMPLE for side in camera.size)
    ball = covered & ((label == names.LABELS.index("sclera")) | (label == names.LABELS.index("iris")))
    near = jnp.where(ball, distance, jnp.inf).min()
    metre = camera.focal * SUPERSAMPLE / jnp.where(jnp.isfinite(near), near, 1.0)
    image = ball.reshape(rows, columns).astype(jnp.float32)
    clear = 0.0
    reaches = ((0.0012, 0.0), (0.0026, 0.0), (0.0042, 0.0), (0.001, 0.0022), (0.001, -0.0022), (-0.0012, 0.0))
    for up, across in reaches:
        shifted = _shifted(image, up * metre)
        clear += _shifted(shifted.T, across * metre).T
    return 0.22 + 0.78 * clear / len(reaches)


def _shifted(image: Array, by: Array) -> Array:
    """Rows moved down by a number of rows that need not be whole."""
    at = jnp.clip(jnp.arange(len(image)) - by, 0, len(image) - 1)
    low = jnp.floor(at).astype(jnp.int32)
    part = (at - low)[:, None]
    return image[low] * (1 - part) + image[jnp.minimum(low + 1, len(image) - 1)] * part


def _unit(vectors: Array) -> Array:
    return vectors / jnp.maximum(jnp.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
