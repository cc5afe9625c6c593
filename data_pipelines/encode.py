"""Frames of a clip as the chunks that are stored."""

from collections.abc import Sequence

import numpy as np

from data_pipelines.recipe import Shots
from data_pipelines.schema import Chunk, Clip
from vlogger_jax.body import smplx
from vlogger_jax.controls import blob
from vlogger_jax.controls.blob_tables import Tables
from vlogger_jax.media import encoded


def chunks(clip: Clip, frames: Sequence[range], shots: Shots, tables: Tables) -> list[Chunk]:
    """The chunks of a clip.

    Args:
        frames: of each chunk, `Plan.chunks`.
        shots: of all these frames, in this order.
        tables: of the body.
    """
    made, at = [], 0
    for number, chunk in enumerate(frames):
        rows = range(at, at := at + len(chunk))
        made.append(
            Chunk(
                clip=clip.clip,
                identity=clip.identity,
                chunk=number,
                frame=np.asarray(chunk, np.int32),
                image=tuple(encoded.jpeg(shots.frames[i]) for i in rows),
                matte=tuple(encoded.png(shots.matte[i]) for i in rows),
                gbuffer=tuple(blob.encode(shots.gbuffer.face_index[i], shots.gbuffer.bary[i], tables) for i in rows),
                motion=smplx.frames_of(shots.motion, np.asarray(rows)),
                camera=shots.camera,
                exact=shots.exact,
            )
        )
    return made
