"""Phonemes on disk: JSON that says what is spoken when.

    {"format": "vlogger.phonemes", "version": 1, "rate": 22050,
     "phonemes": [{"ipa": "", "start": 0.0, "end": 0.012, "stress": 0}, {"ipa": "h", ...}, ...]}

The fields of a phoneme are those of `audio.speech.Phoneme`; the first begins at 0, and each of the others where the one
before ends, silence ("") included. `rate` is that of the sound, samples/s.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.errors import UserError

FORMAT, VERSION = "vlogger.phonemes", 1

GAP = 1e-3
"""Seconds that times may differ by and be taken for the same: they may have been rounded."""

_LONGEST = 32  # letters of one phoneme


def save(path: str | Path, phonemes: Sequence[Phoneme], rate: int) -> None:
    """Write the phonemes of a sound of `rate` samples/s."""
    rows = ",\n  ".join(json.dumps(phoneme._asdict(), ensure_ascii=False) for phoneme in phonemes)
    head = json.dumps({"format": FORMAT, "version": VERSION, "rate": rate})
    Path(path).write_text(f'{head[:-1]}, "phonemes": [\n  {rows}\n]}}\n', encoding="utf-8")


def load(path: str | Path) -> tuple[Phoneme, ...]:
    """Read what `save`, or another program, wrote.

    Raises:
        UserError: if it is no such file, or a phoneme cannot be.
    """
    try:
        if not Path(path).is_file():
            raise UserError(f"{path} is not a file", "Give a file of phonemes")
        whole = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON in UTF-8"
        raise UserError(f"{path} cannot be read: {reason}", "Write it as `vlogger speak --phonemes` does") from error
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise UserError(f"{path} holds no phonemes", f'Its "format" must be "{FORMAT}"')
    if whole.get("version") != VERSION or isinstance(whole["version"], bool):
        raise UserError(f"{path} has version {whole.get('version')}", f"This release reads version {VERSION}")
    _check_keys(whole, ("format", "version", "rate", "phonemes"), str(path))
    if not _is_number(whole["rate"]) or whole["rate"] <= 0:
        raise _wrong(str(path), "its rate is no positive number")
    if not isinstance(whole["phonemes"], list):
        raise _wrong(str(path), "its phonemes are no list")
    found: list[Phoneme] = []
    for i, row in enumerate(whole["phonemes"]):
        name = f"phoneme {i} of {path}"
        before = found[-1].end if found else 0.0
        phoneme = _phoneme(row, name)
        if abs(phoneme.start - before) > GAP:
            raise _wrong(name, f"it begins at {phoneme.start:g} s, where {before:g} s is due: silence is a phoneme")
        found.append(phoneme._replace(start=before))
    return tuple(found)


def _phoneme(row: Any, name: str) -> Phoneme:
    if not isinstance(row, dict):
        raise _wrong(name, "it is no object")
    _check_keys(row, Phoneme._fields, name)
    ipa, start, end, stress = (row[field] for field in Phoneme._fields)
    if not isinstance(ipa, str) or len(ipa) > _LONGEST or not ipa.isprintable():
        raise _wrong(name, f"its ipa is no text of at most {_LONGEST} letters")
    if not _is_number(start) or not _is_number(end) or not 0 <= start < end:
        raise _wrong(name, "its start and end are no seconds, one after the other")
    if stress not in (0, 1, 2) or not isinstance(stress, int) or isinstance(stress, bool):
        raise _wrong(name, "its stress is not 0, 1 or 2")
    return Phoneme(ipa, float(start), float(end), stress)


def _check_keys(found: dict[str, Any], wanted: Sequence[str], name: str) -> None:
    if missing := [key for key in wanted if key not in found]:
        raise _wrong(name, f'it lacks "{missing[0]}"')
    if unknown := [key for key in found if key not in wanted]:
        raise _wrong(name, f'it has "{unknown[0]}", which means nothing')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9 and math.isfinite(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _wrong(name: str, why: str) -> UserError:
    return UserError(f"{name} cannot be used: {why}", "Write it as `vlogger speak --phonemes` does")
