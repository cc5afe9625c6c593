"""Photographs of a performance: frames, G-buffers of the bare body and mattes, any frames of a clip by themselves."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from data_pipelines.avatars import outfit as outfits
from data_pipelines.avatars import render, splits
from data_pipelines.avatars.framing import SIDE
from data_pipelines.avatars.look import chart as charts
from data_pipelines.avatars.look import sample as looks
from data_pipelines.avatars.look.sample import Look
from data_pipelines.avatars.outfit import Outfit
from data_pipelines.avatars.perform import Performance
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, GBuffer, Motion, record
from vlogger_jax.core.typing import Array, Int, UInt8

REFERENCE = -1
"""The frame id of the performance's reference."""

SIZES = (16, 2048)
BATCH = 16
"""Frames at once on an accelerator; on a CPU they come one after another, so that a frame never depends on others."""

WORKERS = 2
"""Frames (on an accelerator: batches) under way at a time: many steps of one frame do not fill two cores."""


@record
class Photographs:
    """Frames of one clip.

    Attributes:
        frames: sRGB.
        gbuffer: of the bare body, without clothes and hair.
        matte: coverage of the person, clothes, hair and held things included.
    """

    frames: UInt8[Array, "n s s 3"]
    gbuffer: GBuffer
    matte: UInt8[Array, "n s s"]


def photograph(performance: Performance, frame_ids: Sequence[int] | np.ndarray, size: int) -> Photographs:
    """Some frames of a clip, `size` pixels to a side.

    Pure, and frame by frame: any frames of a clip, in any order, have the bytes that they have in the whole clip on the
    same kind of device. Dressing and textures take a tenth of a second a call, so ask for many frames at once.

    Args:
        frame_ids: frames of `performance.motion`; `REFERENCE` is the reference.

    Raises:
        UserError: if there is no such frame, none is asked for, or `size` is not in `SIZES`.
    """
    wanted = _checked(frame_ids, len(performance.motion.transl), size)
    model = model_file.default()
    who = performance.seed, performance.index, performance.split
    outfit = outfits.dress(model, performance.motion.betas, performance.wear, splits.generator(*who, "dress"))
    seed = int(splits.generator(*who, "photograph", performance.take).integers(2**31))
    joined = smplx.joined(performance.motion, performance.reference)  # the reference is last, where -1 finds it
    camera = cameras.crop(performance.camera, 0, 0, size / SIDE, (size, size))
    return take(model, outfit, performance.look, smplx.frames_of(joined, wanted), camera, wanted, seed)


def take(
    model: BodyModel,
    outfit: Outfit,
    look: Look,
    motion: Motion,
    camera: Camera,
    numbers: Int[np.ndarray, "n"],
    seed: int,
) -> Photographs:
    """Photographs of a person at every frame of `motion`.

    Args:
        camera: of a square picture.
        numbers: of the frames; with `seed` they decide the sensor's noise.
    """
    held, chart = _held(model)
    drawn = looks.drawn(look)
    person = _prepare(held, chart, outfit, look, drawn.atlas, drawn.background, size=camera.size[0])
    camera = jax.tree.map(jnp.asarray, camera)
    count = len(numbers)
    batch = 1 if jax.default_backend() == "cpu" else BATCH

    def some(start: int) -> tuple[np.ndarray, GBuffer, np.ndarray]:
        # The last batch is filled up with the last frame, so that all are of one size.
        rows = np.minimum(np.arange(start, start + batch), count - 1)
        frames = _frames(held, chart, person, smplx.frames_of(motion, rows), camera, jnp.asarray(numbers[rows]), seed)
        return jax.device_get((frames.rgb, frames.gbuffer, frames.matte))

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(some, range(0, count, batch)))
    rgb, gbuffer, matte = jax.tree.map(lambda *each: np.concatenate(each)[:count], *found)
    return Photographs(frames=rgb, gbuffer=gbuffer, matte=matte)


@lru_cache(maxsize=4)
def _held(model: BodyModel) -> tuple[BodyModel, charts.Chart]:
    """The body and its chart on the device."""
    return jax.device_put(model), jax.device_put(charts.of(model))


_prepare = partial(jax.jit, static_argnames="size")(render.prepare)


@jax.jit
def _frames(
    model: BodyModel,
    chart: charts.Chart,
    person: render.Person,
    motion: Motion,
    camera: Camera,
    numbers: Array,
    seed: Array | int,
) -> render.Frame:
    """All frames of `motion`, at once if they are more than one."""

    def one(row: Array, number: Array) -> render.Frame:
        key = jax.random.fold_in(jax.random.key(seed), number.astype(jnp.uint32))
        return render.frame(model, chart, person, smplx.frames_of(motion, row[None]), camera, key)

    rows = jnp.arange(len(numbers))
    if len(numbers) > 1:
        return jax.vmap(one)(rows, numbers)
    # A batch of one that is mapped over is slower, since its loops must then be able to end at different times.
    return jax.tree.map(lambda each: each[None], one(rows[0], numbers[0]))


def _checked(given: Sequence[int] | np.ndarray, frames: int, size: int) -> Int[np.ndarray, "n"]:
    frame_ids = np.asarray(given)
    if not frame_ids.size:
        frame_ids = frame_ids.astype(np.int64)
    if frame_ids.ndim != 1 or not np.issubdtype(frame_ids.dtype, np.integer):
        raise UserError(f"frame ids are {frame_ids.dtype} {frame_ids.shape}", "Give whole numbers in one dimension")
    if not SIZES[0] <= size <= SIZES[1]:
        raise UserError(f"the size is {size} pixels", f"Give one from {SIZES[0]} to {SIZES[1]}")
    if not len(frame_ids):
        raise UserError("no frame is asked for", "Give at least one")
    wrong = frame_ids[(frame_ids < REFERENCE) | (frame_ids >= frames)]
    if len(wrong):
        raise UserError(
            f"the clip has no frame {wrong[0]}", f"Give frames from 0 to {frames - 1}, or -1 (the reference)"
        )
    return frame_ids
