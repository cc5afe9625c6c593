"""One clip from a recipe to serialised examples, through the cache of what is finished. Runs in any process."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
import threadpoolctl

from data_pipelines import cache, encode, features, schema
from data_pipelines.cache import Cache, Entry
from data_pipelines.plan import Plan
from data_pipelines.recipe import Job, Recipe, Unusable
from data_pipelines.schema import Clip
from vlogger_jax import __version__
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import blob_tables
from vlogger_jax.controls.blob_tables import Tables

CLIPS = "clips"
_ENCODED = ("image", "matte")


def frames_config(size: int) -> str:
    """The config of pictures of `size` pixels."""
    return f"frames_{size}"


@dataclass(frozen=True)
class Work:
    """What is to be made of every clip.

    Attributes:
        recipe: makes it.
        settings: `recipe.settings()`.
        plan: which frames are stored.
        store: the folder of finished clips.
    """

    recipe: Recipe
    settings: Mapping[str, Any]
    plan: Plan
    store: Path

    @property
    def cache(self) -> Cache:
        """Of finished clips."""
        return Cache(self.store)

    def key(self, job: Job, size: int | None) -> str:
        """Of the clip itself (None), or of its pictures of `size`."""
        made = {"program": __version__, "schema": schema.VERSION, "recipe": self.recipe.name, **self.settings}
        stored = {} if size is None else {"size": size, "plan": [self.plan.frames, self.plan.run]}
        return cache.key(made=made, job=dict(job), stored=stored)


def clip(work: Work, job: Job) -> Entry:
    """One example of `clips`, or none and the reason; `about` says how many frames it has, and who is seen."""
    key = work.key(job, None)
    if found := work.cache.get(key):
        return found
    try:
        with threadpoolctl.threadpool_limits(1):  # sums of several threads differ in their last digits
            made = work.recipe.clip(job)
    except Unusable as reason:
        entry = Entry((), {"unusable": str(reason)})
    else:
        example = clip_features(work.recipe.body()).serialize_example(schema.clip_values(made))
        entry = Entry((example,), {"frames": len(made.motion.transl), "identity": made.identity})
    work.cache.put(key, entry.examples, entry.about)
    return entry


def frames(work: Work, job: Job, size: int) -> Entry:
    """The examples of `frames_<size>` of a clip that is usable."""
    key = work.key(job, size)
    if found := work.cache.get(key):
        return found
    made = read_clip(clip(work, job).examples[0], work.recipe.body())
    chunks = work.plan.chunks(len(made.motion.transl))
    with threadpoolctl.threadpool_limits(1):
        shots = work.recipe.shots(job, made, [frame for chunk in chunks for frame in chunk], size)
    body = work.recipe.body()
    kept = frames_features(size, body)
    entry = Entry(
        tuple(
            kept.serialize_example(as_files(schema.chunk_values(chunk)))
            for chunk in encode.chunks(made, chunks, shots, tables(body))
        ),
        {},
    )
    work.cache.put(key, entry.examples, entry.about)
    return entry


def as_files(values: Mapping[str, Any]) -> dict[str, Any]:
    """Encoded pictures as TFDS takes them."""
    return {name: [io.BytesIO(each) for each in value] if name in _ENCODED else value for name, value in values.items()}


def read_clip(example: bytes, body: BodyModel) -> Clip:
    """A serialised example of `clips`."""
    return schema.clip_of(clip_features(body).deserialize_example_np(example))


def placed(example: bytes, kind: tfds.features.FeaturesDict, number: int, origin: str) -> dict[str, Any]:
    """The values of a serialised example, as TFDS takes them, with what only the data set knows: its place in it."""
    kept = {name: features.Encoded() for name in _ENCODED if name in kind}
    return as_files(kind.deserialize_example_np(example, decoders=kept or None)) | {"clip": number, "origin": origin}


@lru_cache(maxsize=4)
def tables(body: BodyModel) -> Tables:
    """Of blobs; they take two seconds."""
    return blob_tables.for_body(body)


@lru_cache(maxsize=4)
def clip_features(body: BodyModel) -> tfds.features.FeaturesDict:
    """Of `clips` of this body."""
    return features.clips(body.num_betas, body.num_expression)


@lru_cache(maxsize=8)
def frames_features(size: int, body: BodyModel) -> tfds.features.FeaturesDict:
    """Of `frames_<size>` of this body."""
    return features.frames(size, body.num_betas, body.num_expression)
