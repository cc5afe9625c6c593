"""The holistic landmarker of newer releases of MediaPipe (0.10.30 and on), which come without models.

The model is a file `holistic_landmarker.task`, which its authors offer for download and the user names. There is no
detector of faces beside it, so several people cannot be told apart: it takes the one that it finds most prominent.
MediaPipe 1.x reports its performance and utilisation to Google, as its README says.

No model file was at hand: this was written against the interface of 0.10.14 and 1.2.2 and is tested with a stand-in
that has their names. Whether the model finds well is not tested; that its left hand is the person's, that z is a part
of the width, and that the mask is at the picture's size, are taken from the solution that it replaces.
"""

import contextlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.fit.landmarks_mediapipe import import_mediapipe, quiet
from vlogger_jax.fit.landmarks_search import Seen
from vlogger_jax.fit.landmarks_views import Box


def open_model(path: str | Path) -> "Landmarker":
    """Detectors from the model file `path`.

    Raises:
        UserError: if there is no such file, it is no model, or mediapipe is not there or has no holistic landmarker.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not a file", "Name MediaPipe's model file holistic_landmarker.task")
    mediapipe = import_mediapipe()
    vision = getattr(getattr(mediapipe, "tasks", None), "vision", None)
    if not hasattr(vision, "HolisticLandmarker"):
        raise UserError(
            f"mediapipe {getattr(mediapipe, '__version__', '')} has no holistic landmarker", "Install a newer mediapipe"
        )
    options = vision.HolisticLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(path)),
        running_mode=vision.RunningMode.IMAGE,
        output_segmentation_mask=True,
    )
    try:
        with quiet():
            landmarker = vision.HolisticLandmarker.create_from_options(options)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(
            f"mediapipe cannot open {path}: {error}", "Name MediaPipe's model file holistic_landmarker.task"
        ) from error
    return Landmarker(mediapipe, landmarker)


class Landmarker:
    """See `landmarks_search.Eyes`. A context: leaving it closes the landmarker.

    Args:
        mediapipe: the package.
        landmarker: its `HolisticLandmarker`, for single images.
    """

    def __init__(self, mediapipe: ModuleType, landmarker: Any):
        self._mediapipe = mediapipe
        self._landmarker = landmarker
        self._close = contextlib.ExitStack()

    def __enter__(self) -> "Landmarker":
        self._close.callback(self._landmarker.close)
        return self

    def __exit__(self, *error: object) -> None:
        self._close.close()

    def look(self, picture: UInt8[np.ndarray, "h w 3"]) -> Seen:
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=picture)
        result = self._landmarker.detect(image)
        face, pose = _points(result.face_landmarks, picture), _points(result.pose_landmarks, picture)
        mask = result.segmentation_mask
        if pose is not None:
            visible = [[1.0 if p.visibility is None else p.visibility] for p in result.pose_landmarks]
            pose = np.concatenate([pose, np.asarray(visible, np.float32)], axis=1)
        return Seen(
            face=face,
            pose=pose,
            left_hand=_points(result.left_hand_landmarks, picture),
            right_hand=_points(result.right_hand_landmarks, picture),
            # A copy: the view ends with the result.
            mask=None if mask is None or pose is None else np.squeeze(mask.numpy_view()).astype(np.float32),
        )

    def faces(self, picture: UInt8[np.ndarray, "h w 3"]) -> list[Box]:
        return []

    def mesh(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "478 3"] | None:
        return None

    def silhouette(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"] | None:
        return None


def _points(landmarks: Any, picture: np.ndarray) -> np.ndarray | None:
    """x, y, z in pixels of the picture."""
    if not landmarks:
        return None
    height, width = picture.shape[:2]
    return np.asarray([(p.x, p.y, p.z) for p in landmarks], np.float32) * np.asarray([width, height, width], np.float32)
