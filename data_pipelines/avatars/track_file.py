"""Many tracks in one `.npz` of at most 20 MB, for machines that have numpy but no speech.

Phonemes are kept as numbers into a list of their names, and their ends as 65535ths of the clip: 0.08 ms in 10 s. Sound
is kept as 8-bit mu-law of its peak, with a signal-to-noise ratio of about 38 dB; a track may go without. Reading needs
no codec. Arrays: `format` = "vlogger.tracks", `version` = 1, `header` (UTF-8 JSON: names of phonemes, and of every
track what `Track` says about it), `samples` and `phonemes` (counts) of every track, `names`, `ends` and `stress` of all
phonemes, `peaks` of every track (0 without sound) and `sound`, one after another.
"""

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines.avatars.sound import RATE
from data_pipelines.avatars.sound.augmentation import Augmentation
from data_pipelines.avatars.track import Track
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core import config
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.media.atomic import replacing

FORMAT = "vlogger.tracks"
VERSION = 1

LARGEST = 20_000_000
"""Bytes of a file."""

# RuntimeError is what zipfile raises about encryption and, as NotImplementedError, about what else it cannot unpack.
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
_MU = 255
_UNITS = 65535
_ARRAYS = {
    "samples": np.uint32,
    "phonemes": np.uint32,
    "names": np.uint8,
    "ends": np.uint16,
    "stress": np.uint8,
    "peaks": np.float32,
    "sound": np.uint8,
    "header": np.uint8,
}


def save(path: str | Path, tracks: Sequence[Track]) -> None:
    """Write `tracks`, with the sound of those that have one (`Track.mute` leaves it out).

    Raises:
        UserError: if the file cannot be written, would exceed `LARGEST` bytes, or there are more than 256 different
            phonemes, or no tracks.
    """
    if not tracks:
        raise UserError("there are no tracks to save", "Give some")
    phonemes = [phoneme for track in tracks for phoneme in track.phonemes]
    vocabulary = sorted({phoneme.ipa for phoneme in phonemes})
    if len(vocabulary) > 256:
        raise UserError(f"the tracks have {len(vocabulary)} different phonemes", "Save those of fewer languages")
    number = {ipa: i for i, ipa in enumerate(vocabulary)}
    peaks = [0.0 if track.waveform is None else float(np.abs(track.waveform).max(initial=1e-9)) for track in tracks]
    sound = [_compress(track.waveform, peak) for track, peak in zip(tracks, peaks, strict=True) if peak]
    about = [[track.language, track.voice, track.text, dataclasses.asdict(track.augmentation)] for track in tracks]
    header = json.dumps({"vocabulary": vocabulary, "tracks": about}, ensure_ascii=False, separators=(",", ":"))
    ends = [round(phoneme.end / track.duration * _UNITS) for track in tracks for phoneme in track.phonemes]
    values: dict[str, Any] = {
        "samples": [round(track.duration * RATE) for track in tracks],
        "phonemes": [len(track.phonemes) for track in tracks],
        "names": [number[phoneme.ipa] for phoneme in phonemes],
        "ends": ends,
        "stress": [phoneme.stress for phoneme in phonemes],
        "peaks": peaks,
        "sound": np.concatenate(sound) if sound else [],
        "header": np.frombuffer(header.encode(), np.uint8),
    }
    arrays = {name: np.asarray(values[name], dtype) for name, dtype in _ARRAYS.items()}
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            np.savez_compressed(file, format=np.asarray(FORMAT), version=np.asarray(VERSION), **arrays)
        if (size := temporary.stat().st_size) > LARGEST:
            raise UserError(
                f"{len(tracks)} tracks, {len(sound)} with sound, take {size / 1e6:.1f} MB",
                f"Save fewer, or fewer with sound: {LARGEST / 1e6:.0f} MB is the limit",
            )


def load(path: str | Path) -> tuple[Track, ...]:
    """The tracks of a file, their phonemes to 0.08 ms in 10 s.

    Raises:
        UserError: if it is not such a file, or damaged.
    """
    fix = "Give a file that `track_file.save` wrote"
    try:
        with Path(path).open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            arrays = dict(archive.items()) if isinstance(archive, np.lib.npyio.NpzFile) else {}
    except _UNREADABLE as error:
        raise UserError(f"{path} cannot be read as tracks: {error}", fix) from error
    kind, version = (str(arrays.pop(name, "nothing")) for name in ("format", "version"))
    if kind != FORMAT:
        raise UserError(f"{path} holds {kind!r}, not {FORMAT!r}", fix)
    if version != str(VERSION):
        raise UserError(f"{path} is of version {version}; this reads {VERSION}", "Make the tracks again")
    try:
        return tuple(_tracks(arrays))
    except (KeyError, ValueError, TypeError, UserError) as error:
        raise UserError(f"{path} is damaged: {error}", fix) from error


def _tracks(arrays: dict[str, np.ndarray]) -> list[Track]:
    if set(arrays) != set(_ARRAYS):
        raise ValueError(f"its arrays are {sorted(arrays)}")
    for name, dtype in _ARRAYS.items():
        if arrays[name].dtype != dtype or arrays[name].ndim != 1:
            raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}")
    header = json.loads(arrays["header"].tobytes().decode())
    vocabulary, about = header["vocabulary"], header["tracks"]
    if not all(isinstance(ipa, str) for ipa in vocabulary):
        raise ValueError("a phoneme has no name")
    samples, counts, peaks = arrays["samples"].astype(np.int64), arrays["phonemes"].astype(np.int64), arrays["peaks"]
    heard = np.where(peaks > 0, samples, 0)
    if not len(about) == len(samples) == len(counts) == len(peaks):
        raise ValueError("tracks are missing")
    if not counts.sum() == len(arrays["names"]) == len(arrays["ends"]) == len(arrays["stress"]):
        raise ValueError("phonemes are missing")
    if heard.sum() != len(arrays["sound"]) or not np.isfinite(peaks).all() or (samples < 1).any():
        raise ValueError("sound is missing")
    if arrays["names"].max(initial=0) >= max(len(vocabulary), 1) or arrays["stress"].max(initial=0) > 2:
        raise ValueError("a phoneme is unknown")
    parts = (np.split(arrays[name], np.cumsum(counts)[:-1]) for name in ("names", "ends", "stress"))
    sounds = np.split(arrays["sound"], np.cumsum(heard)[:-1])
    tracks = []
    for i, (names, ends, stress) in enumerate(zip(*parts, strict=True)):
        if len(ends) == 0 or ends[-1] != _UNITS or (np.diff(ends.astype(int)) < 0).any():
            raise ValueError(f"the phonemes of track {i} are not in order")
        times = (ends * (samples[i] / RATE / _UNITS)).tolist()
        language, voice, text, augmentation = about[i]
        if not all(isinstance(value, str) for value in (language, voice, text)):
            raise ValueError(f"track {i} has no language, voice or text")
        phonemes = tuple(
            Phoneme(vocabulary[name], start, end, int(accent))
            for name, start, end, accent in zip(names, [0.0, *times[:-1]], times, stress, strict=True)
        )
        waveform = _expand(sounds[i], float(peaks[i])) if peaks[i] > 0 else None
        drawn = config.from_mapping(Augmentation, augmentation, f"track {i}")
        tracks.append(Track(waveform, phonemes, language, voice, text, drawn))
    return tracks


def _compress(waveform: Float32[np.ndarray, "s"], peak: float) -> UInt8[np.ndarray, "s"]:
    """Mu-law (ITU-R G.711's curve) of a waveform between -peak and peak."""
    value = waveform / np.float32(peak)
    curved = np.sign(value) * np.log1p(_MU * np.abs(value)) / np.log1p(_MU)
    return np.rint(127 * curved + 127).astype(np.uint8)


def _expand(sound: UInt8[np.ndarray, "s"], peak: float) -> Float32[np.ndarray, "s"]:
    curved = (sound.astype(np.float32) - 127) / 127
    return (np.sign(curved) * np.expm1(np.abs(curved) * np.log1p(_MU)) / _MU * peak).astype(np.float32)
