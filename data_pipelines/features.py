"""The features that TFDS stores of each config, and reading them back without TensorFlow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from google.protobuf import json_format

from data_pipelines import schema
from vlogger_jax.core.errors import UserError

_BYTES = tfds.features.Encoding.BYTES


def clips(betas: int, expressions: int) -> tfds.features.FeaturesDict:
    """Of `schema.clip_values`, for a body of so many coefficients."""
    per_frame = ("reprojection", "face", "torso", "left_hand", "right_hand", "jitter", "inside")
    return tfds.features.FeaturesDict(
        {
            **_common(betas, expressions),
            "waveform": _tensor(np.int16),
            "quality": {**{name: _tensor(np.float32) for name in per_frame}, "good": _tensor(np.uint8)},
            "phonemes": {
                "ipa": tfds.features.Sequence(tfds.features.Text()),
                "start": _tensor(np.float32),
                "end": _tensor(np.float32),
                "stress": _tensor(np.uint8),
            },
            "about": tfds.features.Text(),
        }
    )


def frames(size: int, betas: int, expressions: int) -> tfds.features.FeaturesDict:
    """Of `schema.chunk_values`, for pictures of `size` and a body of so many coefficients."""
    return tfds.features.FeaturesDict(
        {
            **_common(betas, expressions),
            "chunk": tfds.features.Scalar(np.int64),
            "frame": _tensor(np.int32),
            "image": tfds.features.Sequence(tfds.features.Image(shape=(size, size, 3), encoding_format="jpeg")),
            "matte": tfds.features.Sequence(tfds.features.Image(shape=(size, size, 1), encoding_format="png")),
            "gbuffer": tfds.features.Sequence(tfds.features.Tensor(shape=(), dtype=np.object_)),
            "exact": tfds.features.Scalar(np.int64),
        }
    )


def read(folder: Path, kind: str, split: str) -> Sequence[dict[str, Any]]:
    """The examples of one config and split, in the order of their keys; pictures stay encoded.

    Picklable; files are opened when they are first read from. Reading an example from a damaged file raises
    RuntimeError or ValueError, never gives other bytes: ArrayRecord keeps checksums.

    Raises:
        UserError: if they are not there.
    """
    place = folder / kind / schema.VERSION
    try:
        builder = tfds.builder_from_directory(place)
    except (OSError, ValueError, KeyError, AttributeError, json_format.Error) as error:
        raise UserError(f"{place} holds no records that can be read: {error}", "Build the data set again") from error
    kept = {"image": Encoded(), "matte": Encoded()} if kind != "clips" else None
    return builder.as_data_source(split, decoders=kept)


class Encoded(tfds.decode.SkipDecoding):
    """Leaves pictures as they are, in sequences too, which TFDS's own does not without TensorFlow."""

    def decode_batch_example_np(self, example: np.ndarray) -> np.ndarray:
        """As it is."""
        return example


def _common(betas: int, expressions: int) -> dict:
    joints = ("global_orient", "jaw_pose", "leye_pose", "reye_pose", "transl")
    return {
        "clip": tfds.features.Scalar(np.int64),
        "origin": tfds.features.Text(),
        "identity": tfds.features.Text(),
        "body": tfds.features.Text(),
        "fps": tfds.features.Scalar(np.float32),
        "motion": {
            "betas": tfds.features.Tensor(shape=(betas,), dtype=np.float32, encoding=_BYTES),
            "expression": _tensor(np.float32, expressions),
            "body_pose": _tensor(np.float32, 21, 3),
            "left_hand_pose": _tensor(np.float32, 15, 3),
            "right_hand_pose": _tensor(np.float32, 15, 3),
            **{name: _tensor(np.float32, 3) for name in joints},
        },
        "camera": {
            "focal": tfds.features.Scalar(np.float32),
            "principal": tfds.features.Tensor(shape=(2,), dtype=np.float32, encoding=_BYTES),
            "size": tfds.features.Scalar(np.int64),
        },
    }


def _tensor(dtype: type, *shape: int) -> tfds.features.Tensor:
    """Any number of rows."""
    return tfds.features.Tensor(shape=(None, *shape), dtype=dtype, encoding=_BYTES)
