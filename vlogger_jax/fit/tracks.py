"""Motions that other programs found: parameters of SMPL-X under the names of published formats, read as data.

Read are `.npz` files, pickles of numpy arrays (`media.array_pickle`), and folders of one `.npz` a frame:

| what wrote it | told by | frames/s | world |
|---|---|---|---|
| BEAT2, EMAGE, AMASS | `poses` [t, 165] | `mocap_frame_rate`, 30 | y up |
| SMPLer-X | a folder of `00000_0.npz`, frame and person | 30 | the camera's |
| SHOW, TalkSHOW | `body_pose_axis` | 30 | the camera's |
| PyMAF-X | `smplx_params`, rotations as matrices | 30 | the camera's |
| Multi-HMR | `rotvec` [t, 53, 3] | 30 | the camera's |

What is told of the performer is how they move: the shape is left behind, and so are expressions, which are of a basis
that only the licensed model has. Hands of SHOW are coefficients of the licensed model's components, and stay at rest.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vlogger_jax.body import rotation, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float32
from vlogger_jax.media import array_file, array_pickle

log = logging.getLogger(__name__)

FPS = 30.0
"""Of formats that do not tell."""

KIND = "a motion"

_HAND = 45
_LAYOUT = {
    "global_orient": 3,
    "body_pose": 63,
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "left_hand_pose": _HAND,
    "right_hand_pose": _HAND,
}
"""Of `poses`, in its order: numbers of each part."""

_MULTI_HMR = {"global_orient": 1, "body_pose": 21, "left_hand_pose": 15, "right_hand_pose": 15, "jaw_pose": 1}
"""Of `rotvec`, in its order: joints of each part; eyes are not among them."""

_OTHER_NAMES = {
    "body_pose_axis": "body_pose",
    "trans": "transl",
    "transl_pelvis": "transl",
    "orig_cam_t": "transl",
    "expressions": "expression",
    "lhand_pose": "left_hand_pose",
    "rhand_pose": "right_hand_pose",
}

_TO_WORLD = np.array([1, -1, -1], np.float32)
"""From a camera's axes, y down and z forward, to those of the world."""


def read(path: str | Path, model: BodyModel, fps: float | None = None) -> Motion:
    """A motion in the parameters of `model`.

    Args:
        fps: frames/s of the file; None: as it says, or 30.

    Raises:
        UserError: if it is of none of the formats above, is damaged, or holds more than one person.
    """
    held = _held(Path(path))
    found, upright = _parts(held, Path(path))
    frames = len(found["global_orient"])
    if "transl" in found:
        found["transl"] = found["transl"] - found["transl"][:1]
        if not upright:
            found["transl"] = found["transl"] * _TO_WORLD
    if not upright:
        turned = np.diag(_TO_WORLD) @ rotation.axis_angle_to_matrix(found["global_orient"])
        found["global_orient"] = rotation.matrix_to_axis_angle(turned)
    if "expression" in held or "expressions" in held:
        log.warning("%s has expressions of the licensed model, which are left out: the face moves its jaw only", path)
    rate = fps or float(np.asarray(held.get("mocap_frame_rate", FPS)))
    still = smplx.rest_motion(model, frames=frames, fps=rate)
    given = {}
    for name in (*_LAYOUT, "transl"):
        wanted = getattr(still, name)
        values = found.get(name, wanted)
        if values.size != wanted.size:
            raise UserError(f"{path} has {name} of shape {values.shape}", f"Give {wanted.shape[1:]} for each frame")
        given[name] = np.asarray(values, np.float32).reshape(wanted.shape)
        if not np.isfinite(given[name]).all():
            raise UserError(f"{path} has a {name} that is not a number", "Leave out frames that were not found")
    return Motion(betas=still.betas, expression=still.expression, fps=rate, body=model.name, **given)


def is_one(path: Path) -> bool:
    """Whether it is of another program, not of `vlogger fit`."""
    if path.is_dir() or path.suffix in (".pkl", ".pickle"):
        return True
    return path.is_file() and "format" not in array_file.read(path, KIND)


def _held(path: Path) -> dict[str, Any]:
    """What is in a file, or in the files of a folder, by name; of lists of frames one array each."""
    if path.is_dir():
        return _stacked([array_file.read(each, KIND) for each in _frames(path)], path)
    held = array_pickle.read(path, KIND) if path.suffix in (".pkl", ".pickle") else array_file.read(path, KIND)
    if isinstance(held, list) and held and all(isinstance(each, dict) for each in held):
        held = held[0] if len(held) == 1 else _stacked(held, path)
    if not isinstance(held, dict):
        raise _unknown(path)
    if isinstance(parts := held.get("smplx_params"), list):
        return held | _stacked(parts, path, batches=True)
    return held


def _frames(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.npz")) or sorted((folder / "smplx").glob("*.npz"))
    people = {each.stem.partition("_")[2] for each in files}
    if len(people) > 1:
        raise UserError(f"{folder} has {len(people)} people", "Leave the files of one of them there")
    if not files:
        raise UserError(f"{folder} has no .npz files", "Name the folder with one .npz a frame")
    return files


def _stacked(parts: list[Mapping[str, Any]], path: Path, batches: bool = False) -> dict[str, np.ndarray]:
    """Of what all parts have, one array each. Parts are frames, [1, ..] or [..], or else batches of frames."""
    known = (*_LAYOUT, *_OTHER_NAMES, "transl", "rotvec")
    found = {}
    for name in set.intersection(*(set(part) for part in parts)) & set(known):
        rows = [np.asarray(part[name]) for part in parts]
        if not batches:
            rows = [row if name != "rotvec" and row.ndim > 1 and len(row) == 1 else row[None] for row in rows]
        if len({row.shape[1:] for row in rows}) > 1:
            raise UserError(f"{path} has a {name} of different shapes", "Give the frames of one person")
        found[name] = np.concatenate(rows)
    return found


def _parts(held: dict[str, Any], path: Path) -> tuple[dict[str, Float32[np.ndarray, "t *n"]], bool]:
    """Axis-angles and places by the names of SMPL-X, a row a frame; and whether the world's y is up."""
    arrays = {_OTHER_NAMES.get(name, name): value for name, value in held.items() if isinstance(value, np.ndarray)}
    upright = "poses" in arrays
    try:
        if upright:
            poses = arrays["poses"].reshape(len(arrays["poses"]), sum(_LAYOUT.values()))
            arrays |= _divided(poses, _LAYOUT)
        elif "rotvec" in arrays:
            joints = arrays["rotvec"].reshape(len(arrays["rotvec"]), sum(_MULTI_HMR.values()) * 3)
            arrays |= _divided(joints, {name: 3 * count for name, count in _MULTI_HMR.items()})
        found = {name: _rows(arrays[name]) for name in (*_LAYOUT, "transl") if name in arrays}
    except ValueError as error:
        raise _unknown(path) from error
    if "global_orient" not in found and found.get("body_pose", np.empty((0, 0))).shape[1:] == (66,):
        found |= _divided(found["body_pose"], {"global_orient": 3, "body_pose": 63})
    if not {"global_orient", "body_pose"} <= found.keys() or not len(found["global_orient"]):
        raise _unknown(path)
    frames = len(found["global_orient"])
    for side in ("left", "right"):
        hand = found.get(f"{side}_hand_pose")
        if hand is not None and hand.shape[1] < _HAND:
            del found[f"{side}_hand_pose"]
            log.warning("%s has components of the licensed model for the %s hand, which stays at rest", path, side)
    if any(len(values) != frames for values in found.values()):
        raise UserError(f"{path} has parts of different lengths", "Give as many frames of each")
    return found, upright


def _divided(rows: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    ends = np.cumsum(list(sizes.values()))
    return dict(zip(sizes, np.split(rows, ends[:-1], axis=1), strict=True))


def _rows(values: np.ndarray) -> Float32[np.ndarray, "t n"]:
    """[t, numbers] of [t, ..]; matrices of rotations become axis-angles."""
    if values.shape[-2:] == (3, 3) and values.ndim >= 3:
        # A hand or a body of three joints in axis-angles does not exist.
        values = rotation.matrix_to_axis_angle(values.astype(np.float32))
    return np.asarray(values, np.float32).reshape(len(values), -1)


def _unknown(path: Path) -> UserError:
    formats = "`vlogger fit`, BEAT2, SMPLer-X, SHOW, PyMAF-X or Multi-HMR"
    return UserError(f"{path} is no motion that is known here", f"Give one of {formats}, or `poses` [frames, 165]")
