"""What a fit returns, and its file.

The file is an `.npz` without pickles that holds the fields of `Motion`, `Camera`, `Quality` and the matte under the
names `motion.betas`, `camera.focal`, `quality.jitter`, `matte` and so on, and `format` = "vlogger.fit", `version` = 1.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Motion, record
from vlogger_jax.core.typing import Array, Bool, Float32, UInt8
from vlogger_jax.fit.landmarks import matte_size
from vlogger_jax.media import array_file

FORMAT = "vlogger.fit"
VERSION = 1


@record
class Quality:
    """How good a fit is, frame by frame.

    Attributes:
        reprojection: mean distance of iBUG points 17-67 from their landmarks, inter-ocular distances; infinite where no
            face was seen.
        face, torso, left_hand, right_hand: how much of each was seen, 0 to 1.
        jitter: mean jerk of the same points as seen in the image, inter-ocular distances/s³.
        inside: share of iBUG points 17-67 within the image.
        good: whether the frame is fit for use: a face was seen, nearly whole (`quality.INSIDE`), and reprojected within
            `quality.GOOD`.
    """

    reprojection: Float32[Array, "t"]
    face: Float32[Array, "t"]
    torso: Float32[Array, "t"]
    left_hand: Float32[Array, "t"]
    right_hand: Float32[Array, "t"]
    jitter: Float32[Array, "t"]
    inside: Float32[Array, "t"]
    good: Bool[Array, "t"]


@record
class Fit:
    """One clip, or one picture, as a person, a lens and a performance.

    Attributes:
        matte: coverage of the person, 255 inside; the image scaled so that its longer side is at most 512.
    """

    motion: Motion
    camera: Camera
    matte: UInt8[Array, "t h w"]
    quality: Quality


def save(path: str | Path, fit: Fit) -> None:
    """Write `fit` to the `.npz` file `path`, which is complete or not there."""
    array_file.write(path, arrays_of(fit))


def arrays_of(fit: Fit) -> dict[str, np.ndarray]:
    """What the file of `fit` holds, by name."""
    arrays = {"format": np.asarray(FORMAT), "version": np.asarray(VERSION), "matte": np.asarray(fit.matte)}
    for part in ("motion", "camera", "quality"):
        arrays |= {f"{part}.{name}": np.asarray(value) for name, value in vars(getattr(fit, part)).items()}
    return arrays


def load(path: str | Path) -> Fit:
    """Read the file that `vlogger fit` wrote.

    Raises:
        UserError: if it is not such a file.
    """
    arrays = array_file.read(path, "a fit")
    kind, version = (str(arrays.get(name, "nothing")) for name in ("format", "version"))
    if kind != FORMAT:
        raise UserError(f"{path} holds {kind!r}, not {FORMAT!r}", "Give a file that `vlogger fit` wrote")
    if version != str(VERSION):
        raise UserError(
            f"{path} is of version {version}; this vlogger reads {VERSION}", "Update vlogger_jax, or fit again"
        )
    try:
        parts = {
            part: _record(arrays, part, cls)
            for part, cls in (("motion", Motion), ("camera", Camera), ("quality", Quality))
        }
        fit = Fit(matte=arrays["matte"], **parts)
        _check(fit)
        return fit
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}", "Fit again") from error


def _check(fit: Fit) -> None:
    """Raise ValueError where the parts of a fit do not go together, or hold what is not a number."""
    lengths = {len(fit.motion.transl), len(fit.quality.good), len(fit.matte)}
    if len(lengths) != 1 or not min(lengths):
        raise ValueError(f"motion, quality and matte are of {sorted(lengths)} frames")
    if fit.motion.transl.ndim != 2 or fit.camera.focal.ndim:
        raise ValueError("it holds several clips or cameras")
    if not fit.camera.focal > 0:
        raise ValueError(f"its focal length is {fit.camera.focal} pixels")
    if fit.matte.shape[1:] != matte_size(fit.camera.size):
        raise ValueError(f"its mattes are {fit.matte.shape[1:]} for pictures of {fit.camera.size}")
    for part in (fit.motion, fit.camera):
        for name, value in vars(part).items():
            if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                raise ValueError(f"{name} is not finite")


def _record(arrays: dict[str, np.ndarray], part: str, cls: type) -> Any:
    values = {}
    for field in dataclasses.fields(cls):
        value = arrays[f"{part}.{field.name}"]
        values[field.name] = _static(value) if field.metadata.get("static") else value
    return cls(**values)


def _static(value: np.ndarray) -> Any:
    plain = value.tolist()
    return tuple(plain) if isinstance(plain, list) else plain
