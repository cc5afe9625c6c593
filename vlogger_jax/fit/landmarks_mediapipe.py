"""The detectors of `mediapipe.solutions` (up to 0.10.21), whose models are inside of its wheel: nothing is downloaded.

Only its holistic solution of complexity 1 is used, the one whose model is there, in its static mode: that looks for the
body anew in each picture, and begins with face and hands where they were in the one before. Its left hand is the
person's left hand: it agrees with its own pose's left wrist, checked on pictures.
"""

import contextlib
import importlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from types import ModuleType
from typing import Any

import numpy as np

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32, UInt8
from vlogger_jax.fit.landmarks_search import Seen
from vlogger_jax.fit.landmarks_views import Box

MODEL_ADVICE = "Install a newer mediapipe and name its model file: --landmark-model holistic_landmarker.task"

SURE = 0.7
"""How sure a face without a body must be: 0.5 sees faces in colour wheels."""

# What starting a graph tells on stderr every time: no more than which parts of TensorFlow Lite it uses.
_NOISE = re.compile(
    rb"TensorFlow Lite XNNPACK delegate|All log messages before absl::InitializeLog|inference_feedback_manager"
    rb"|OpenGL|gl_context|EGL|GPU support is not available|portable_clearcut_uploader"
)


def import_mediapipe() -> ModuleType:
    """The package `mediapipe`.

    Raises:
        UserError: if it is not installed, or cannot be imported.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")  # errors only; read when the library is loaded
    try:
        with quiet():
            return importlib.import_module("mediapipe")
    except ModuleNotFoundError as error:
        if error.name != "mediapipe":
            raise UserError(f"mediapipe lacks a package that it needs: {error}", "Install it with pip") from error
        advice = 'pip install "vlogger_jax[fit]"' if sys.version_info < (3, 13) else MODEL_ADVICE
        raise UserError("finding landmarks needs mediapipe, which is not installed", advice) from error
    except ImportError as error:
        raise UserError(
            f"mediapipe cannot be imported: {error}",
            "Install what it lacks; without libGL, replace opencv-contrib-python by opencv-contrib-python-headless",
        ) from error


def open_solutions() -> "Solutions":
    """Detectors that start when they are first used.

    Raises:
        UserError: if mediapipe is not there or has no solutions, or cannot run beside the installed protobuf.
    """
    mediapipe = import_mediapipe()
    if not hasattr(mediapipe, "solutions"):
        raise UserError(
            f"mediapipe {getattr(mediapipe, '__version__', '')} has no models of its own",
            "Name a model file: --landmark-model holistic_landmarker.task",
        )
    with contextlib.suppress(metadata.PackageNotFoundError):
        protobuf = metadata.version("protobuf")
        if int(protobuf.split(".")[0]) > 4:
            raise UserError(f"this mediapipe does not start beside protobuf {protobuf}", 'pip install "protobuf<5"')
    return Solutions(mediapipe.solutions)


class Solutions:
    """See `landmarks_search.Eyes`. A context: leaving it frees the graphs.

    Args:
        solutions: the module `mediapipe.solutions`.
    """

    def __init__(self, solutions: Any):
        self._solutions = solutions
        self._graphs: dict[str, Any] = {}
        self._close = contextlib.ExitStack()

    def __enter__(self) -> "Solutions":
        return self

    def __exit__(self, *error: object) -> None:
        self._close.close()
        self._graphs.clear()

    def look(self, picture: UInt8[np.ndarray, "h w 3"]) -> Seen:
        def make() -> Any:
            return self._solutions.holistic.Holistic(
                static_image_mode=True, model_complexity=1, enable_segmentation=True, refine_face_landmarks=True
            )

        result = self._process("holistic", make, picture)
        pose = _points(result.pose_landmarks, picture, "x", "y", "z", "visibility")
        return Seen(
            face=_points(result.face_landmarks, picture),
            pose=pose,
            left_hand=_points(result.left_hand_landmarks, picture),
            right_hand=_points(result.right_hand_landmarks, picture),
            mask=None if pose is None else result.segmentation_mask,
        )

    def faces(self, picture: UInt8[np.ndarray, "h w 3"]) -> list[Box]:
        """Faces at up to about 5 m (model 1), or if there is none, within 2 m (model 0)."""
        height, width = picture.shape[:2]
        for model in (1, 0):
            result = self._process(
                f"faces{model}", lambda m=model: self._solutions.face_detection.FaceDetection(0.5, m), picture
            )
            boxes = [found.location_data.relative_bounding_box for found in result.detections or ()]
            if boxes:
                return [
                    Box(b.xmin * width, b.ymin * height, (b.xmin + b.width) * width, (b.ymin + b.height) * height)
                    for b in boxes
                ]
        return []

    def mesh(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "478 3"] | None:
        def make() -> Any:
            return self._solutions.face_mesh.FaceMesh(
                static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=SURE
            )

        result = self._process("mesh", make, picture)
        return _points(result.multi_face_landmarks[0], picture) if result.multi_face_landmarks else None

    def silhouette(self, picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"] | None:
        result = self._process("silhouette", lambda: self._solutions.selfie_segmentation.SelfieSegmentation(0), picture)
        return result.segmentation_mask

    def _process(self, name: str, make: Callable[[], Any], picture: np.ndarray) -> Any:
        if name not in self._graphs:
            with quiet():
                self._graphs[name] = self._close.enter_context(make())
                self._graphs[name].process(np.zeros((64, 64, 3), np.uint8))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
            return self._graphs[name].process(picture)


def _points(landmarks: Any, picture: np.ndarray, *names: str) -> np.ndarray | None:
    """The named coordinates of points; x, y and z in pixels (MediaPipe's are parts of the width, y of the height)."""
    if landmarks is None:
        return None
    height, width = picture.shape[:2]
    # Nothing is done about half a pixel: MediaPipe's pixels are off by one to the upper left, but its mesh by as much
    # the other way on upright faces.
    points = np.asarray([[getattr(p, n) for n in names or ("x", "y", "z")] for p in landmarks.landmark], np.float32)
    points[:, :3] *= np.asarray([width, height, width], np.float32)
    return points


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what C++ writes to stderr in the meantime, then pass on all of it that is not known to be noise."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not _NOISE.search(line):
                    os.write(2, line)
