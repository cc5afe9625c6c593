"""What one example holds, in memory and as the plain values that TFDS stores.

A data set has two configs (`docs/data.md`). `clips`: one example is a clip without pixels. `frames_<size>`: one
example is a chunk, up to `CHUNK` frames that follow each other, as pictures `size` to a side. Chunks of a clip follow
each other in the order of their frames, clips in the order of their numbers, in both configs.

What is stored of a body in `frames_<size>` (G-buffer, mattes and the rows of `Motion` and `Camera` that belong to
them) is what the video network is to be shown: of synthetic clips of the training split disturbed as fits are (`exact`
tells). The truth is in `clips`.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body.camera import FACING
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.core.typing import Int
from vlogger_jax.fit.result import Quality

VERSION = "1.0.0"
"""Of the layout; TFDS keeps versions in folders of their own."""

CHUNK = 8
"""Frames of one example of `frames_<size>`, at most."""

LARGEST_GBUFFER = 256
"""Pixels: G-buffers of larger pictures are this large, and what is looked up in them is enlarged."""

RATE = 16000
"""Samples/s of sound."""


class BadExample(UserError):
    """One example cannot be used; the others may."""


@dataclass(frozen=True)
class Clip:
    """One example of `clips`.

    Attributes:
        clip: its number in the split.
        identity: of the person; whoever shares it looks the same, and is in one split only.
        waveform: 16-bit, `RATE` samples/s, as long as the motion to half a frame.
        motion: every frame, as true as it is known.
        camera: of a square picture, for all frames; rotation `camera.FACING`, translation 0.
        phonemes: when each is heard, without gaps; empty where it is not known.
        about: whatever else is known, as JSON: language and voice, or file and time.
        origin: of which build and split (`Manifest.origin`), so that no file is taken for another's.
    """

    clip: int
    identity: str
    waveform: Int[np.ndarray, "s"]
    motion: Motion
    camera: Camera
    quality: Quality
    phonemes: tuple[Phoneme, ...]
    about: Mapping[str, Any]
    origin: str = ""


@dataclass(frozen=True)
class Chunk:
    """One example of `frames_<size>`: n frames.

    Attributes:
        clip, identity: as of `Clip`.
        chunk: its number in the clip.
        frame: numbers of the frames in the clip.
        image: JPEG, sRGB.
        matte: PNG, grey: coverage of the person.
        gbuffer: `controls.blob`, of the size of `camera`.
        motion: rows of these frames.
        camera: one for all, of the G-buffers' size.
        exact: whether mattes, G-buffers, `motion` and `camera` are as true as is known, not disturbed.
        origin: as of `Clip`.
    """

    clip: int
    identity: str
    chunk: int
    frame: Int[np.ndarray, "n"]
    image: tuple[bytes, ...]
    matte: tuple[bytes, ...]
    gbuffer: tuple[bytes, ...]
    motion: Motion
    camera: Camera
    exact: bool
    origin: str = ""


def gbuffer_size(size: int) -> int:
    """Pixels to a side of the G-buffers stored with pictures of `size`."""
    return min(size, LARGEST_GBUFFER)


def clip_values(clip: Clip) -> dict[str, Any]:
    """`clip` as TFDS stores it."""
    phonemes = clip.phonemes
    return {
        "clip": clip.clip,
        "origin": clip.origin,
        "identity": clip.identity,
        "body": clip.motion.body,
        "fps": clip.motion.fps,
        "waveform": clip.waveform,
        "motion": _arrays(clip.motion),
        "camera": _camera_values(clip.camera),
        "quality": _arrays(clip.quality) | {"good": np.asarray(clip.quality.good, np.uint8)},
        "phonemes": {
            "ipa": [phoneme.ipa for phoneme in phonemes],
            "start": np.array([phoneme.start for phoneme in phonemes], np.float32),
            "end": np.array([phoneme.end for phoneme in phonemes], np.float32),
            "stress": np.array([phoneme.stress for phoneme in phonemes], np.uint8),
        },
        "about": json.dumps(dict(clip.about), ensure_ascii=False, sort_keys=True),
    }


def clip_of(values: Mapping[str, Any]) -> Clip:
    """The inverse of `clip_values`.

    Raises:
        BadExample: if the parts do not go together.
    """
    try:
        spoken = values["phonemes"]
        times = (spoken[name].tolist() for name in ("start", "end", "stress"))
        clip = Clip(
            clip=int(values["clip"]),
            identity=_text(values["identity"]),
            waveform=values["waveform"],
            motion=_motion(values),
            camera=_camera(values["camera"]),
            quality=Quality(**values["quality"] | {"good": values["quality"]["good"].astype(bool)}),
            phonemes=tuple(map(Phoneme, map(_text, spoken["ipa"]), *times)),
            about=json.loads(_text(values["about"])),
            origin=_text(values["origin"]),
        )
        frames = len(clip.motion.transl)
        _one_length("motion", clip.motion, frames)
        _one_length("quality", clip.quality, frames)
        expected = frames * RATE / clip.motion.fps
        if abs(len(clip.waveform) - expected) > RATE / clip.motion.fps / 2 + 1:
            raise ValueError(f"{len(clip.waveform)} samples of sound for {frames} frames")
        if not len(spoken["ipa"]) == len(spoken["start"]) == len(spoken["end"]) == len(spoken["stress"]):
            raise ValueError("its phonemes and their times differ in number")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _bad("clip", values, error) from error
    return clip


def chunk_values(chunk: Chunk) -> dict[str, Any]:
    """`chunk` as TFDS stores it; pictures are encoded already."""
    return {
        "clip": chunk.clip,
        "origin": chunk.origin,
        "identity": chunk.identity,
        "body": chunk.motion.body,
        "fps": chunk.motion.fps,
        "chunk": chunk.chunk,
        "frame": np.asarray(chunk.frame, np.int32),
        "image": list(chunk.image),
        "matte": list(chunk.matte),
        "gbuffer": list(chunk.gbuffer),
        "motion": _arrays(chunk.motion),
        "camera": _camera_values(chunk.camera),
        "exact": int(chunk.exact),
    }


def chunk_of(values: Mapping[str, Any]) -> Chunk:
    """The inverse of `chunk_values`.

    Raises:
        BadExample: if the parts do not go together.
    """
    try:
        chunk = Chunk(
            clip=int(values["clip"]),
            identity=_text(values["identity"]),
            chunk=int(values["chunk"]),
            frame=values["frame"],
            **{name: tuple(values[name]) for name in ("image", "matte", "gbuffer")},
            motion=_motion(values),
            camera=_camera(values["camera"]),
            exact=bool(values["exact"]),
            origin=_text(values["origin"]),
        )
        lengths = {len(getattr(chunk, name)) for name in ("frame", "image", "matte", "gbuffer")}
        if len(lengths) != 1 or not 1 <= min(lengths) <= CHUNK:
            raise ValueError(f"its pictures, mattes and G-buffers are {sorted(lengths)}")
        _one_length("motion", chunk.motion, len(chunk.frame))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _bad("chunk", values, error) from error
    return chunk


def _arrays(record: Motion | Quality) -> dict[str, np.ndarray]:
    fields = [field for field in dataclasses.fields(record) if not field.metadata.get("static")]
    return {field.name: np.asarray(getattr(record, field.name)) for field in fields}


def _motion(values: Mapping[str, Any]) -> Motion:
    return Motion(**values["motion"], fps=float(values["fps"]), body=_text(values["body"]))


def _camera_values(camera: Camera) -> dict[str, Any]:
    if not np.array_equal(camera.rotation, FACING) or np.any(camera.translation) or camera.size[0] != camera.size[1]:
        raise ValueError("the camera of a record faces the person, stands at the origin and takes squares")
    return {"focal": float(camera.focal), "principal": np.asarray(camera.principal), "size": camera.size[0]}


def _camera(values: Mapping[str, Any]) -> Camera:
    if not (0 < values["focal"] < np.inf and np.isfinite(values["principal"]).all()):
        raise ValueError(f"its camera has a focal length of {values['focal']} and looks at {values['principal']}")
    return Camera(
        focal=np.asarray(values["focal"], np.float32),
        principal=values["principal"],
        rotation=np.asarray(FACING, np.float32),
        translation=np.zeros(3, np.float32),
        size=(int(values["size"]),) * 2,
    )


def _one_length(name: str, record: Motion | Quality, frames: int) -> None:
    for field, values in _arrays(record).items():
        if field != "betas" and len(values) != frames:
            raise ValueError(f"{name}.{field} is of {len(values)} frames, others are of {frames}")
        # No face at all is an infinite error of reprojection.
        if np.isnan(values).any() or (name == "motion" and not np.isfinite(values).all()):
            raise ValueError(f"{name}.{field} is not finite")


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _bad(kind: str, values: Mapping[str, Any], error: Exception) -> BadExample:
    number = values.get("clip", "?")
    return BadExample(f"a {kind} of clip {number} is not whole: {error}", "Build the data set again")
