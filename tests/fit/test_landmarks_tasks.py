"""The backends: which is chosen, what is said when one is not there, and newer releases by a stand-in."""

import dataclasses
import sys
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks, landmarks_mediapipe, landmarks_tasks

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)


@dataclasses.dataclass
class NormalizedLandmark:
    """As in mediapipe.tasks.python.components.containers.landmark."""

    x: float | None = None
    y: float | None = None
    z: float | None = None
    visibility: float | None = None
    presence: float | None = None
    name: str | None = None


def points(count: int, x: float, y: float, **more) -> list[NormalizedLandmark]:
    return [NormalizedLandmark(x=x + 0.001 * i, y=y, z=-0.1, **more) for i in range(count)]


class HolisticLandmarker:
    """As in mediapipe 1.2.2, with a person at a fixed place of every picture that is not black."""

    opened: ClassVar[list["HolisticLandmarker"]] = []

    def __init__(self, options):
        self.options, self.closed = options, False
        HolisticLandmarker.opened.append(self)

    @classmethod
    def create_from_options(cls, options):
        if "bad" in options.base_options.model_asset_path:
            raise RuntimeError("Unable to open zip archive")
        return cls(options)

    def detect(self, image):
        data = image.data
        if not data.any():
            return SimpleNamespace(
                face_landmarks=[],
                pose_landmarks=[],
                left_hand_landmarks=[],
                right_hand_landmarks=[],
                segmentation_mask=None,
            )
        mask = np.zeros((*data.shape[:2], 1), np.float32)
        mask[:, : data.shape[1] // 2] = 1
        return SimpleNamespace(
            face_landmarks=points(478, 0.2, 0.3),
            pose_landmarks=points(33, 0.25, 0.5, visibility=0.75, presence=0.9),
            left_hand_landmarks=points(21, 0.265, 0.5),
            right_hand_landmarks=[],
            segmentation_mask=SimpleNamespace(numpy_view=lambda: mask),
        )

    def close(self):
        self.closed = True


def stand_in(version: str = "1.2.2") -> ModuleType:
    module = ModuleType("mediapipe")
    module.__version__ = version
    module.Image = lambda image_format, data: SimpleNamespace(image_format=image_format, data=data)
    module.ImageFormat = SimpleNamespace(SRGB=1)
    vision = SimpleNamespace(
        HolisticLandmarker=HolisticLandmarker,
        HolisticLandmarkerOptions=SimpleNamespace,
        RunningMode=SimpleNamespace(IMAGE="IMAGE"),
    )
    module.tasks = SimpleNamespace(vision=vision, BaseOptions=SimpleNamespace)
    return module


@pytest.fixture
def newer(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", stand_in())
    HolisticLandmarker.opened.clear()


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "holistic_landmarker.task"
    path.write_bytes(b"model")
    return path


def test_a_model_file_gives_the_same_record(newer, model):
    found = landmarks.detect(iter([IMAGE, 0 * IMAGE, IMAGE]), 25.0, model=model)
    assert found.size == (120, 200)
    np.testing.assert_allclose(found.face[0, [0, 100]], [[40, 36, -20], [60, 36, -20]], rtol=1e-5)
    assert (found.face_confidence[1] == 0).all()
    np.testing.assert_allclose(found.pose[2, 0], [50, 60, -20], rtol=1e-5)
    np.testing.assert_allclose(found.pose_confidence[0], 0.75)
    assert found.left_hand_confidence[0].min() > 0
    assert found.right_hand_confidence.max() == 0
    assert found.matte[0, :, :99].min() == 255
    assert found.matte[0, :, 110:].max() == 0
    (landmarker,) = HolisticLandmarker.opened
    assert landmarker.closed
    assert landmarker.options.output_segmentation_mask
    assert landmarker.options.base_options.model_asset_path == str(model)


def test_points_without_visibility_are_visible(newer, model, monkeypatch):
    original = HolisticLandmarker.detect

    def detect(self, image):
        result = original(self, image)
        for point in result.pose_landmarks:
            point.visibility = None
        return result

    monkeypatch.setattr(HolisticLandmarker, "detect", detect)
    assert landmarks.detect([IMAGE], 25.0, model=model).pose_confidence.min() == 1


def test_the_landmarker_is_closed_when_something_fails(newer, model):
    def frames():
        yield IMAGE
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        landmarks.detect(frames(), 25.0, model=model)
    assert HolisticLandmarker.opened[0].closed


def test_no_face(newer, model):
    with pytest.raises(UserError, match="no face"):
        landmarks.detect([0 * IMAGE], 25.0, model=model)


def test_model_files_that_are_none(newer, tmp_path):
    with pytest.raises(UserError, match="is not a file"):
        landmarks.detect([IMAGE], 25.0, model=tmp_path / "missing.task")
    bad = tmp_path / "bad.task"
    bad.write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot open .*Unable to open zip archive"):
        landmarks.detect([IMAGE], 25.0, model=bad)


def test_a_mediapipe_without_holistic_landmarker(monkeypatch, model):
    module = stand_in("0.10.9")
    del module.tasks.vision.HolisticLandmarker
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    with pytest.raises(UserError, match=r"0\.10\.9 has no holistic landmarker"):
        landmarks.detect([IMAGE], 25.0, model=model)


def test_a_mediapipe_without_solutions_asks_for_a_model(newer):
    with pytest.raises(UserError, match=r"no models of its own.*--landmark-model"):
        landmarks.detect([IMAGE], 25.0)


@pytest.mark.parametrize(
    ("version", "said"),
    [((3, 11), r'pip install "vlogger_jax\[fit\]"'), ((3, 13), "newer mediapipe.*--landmark-model")],
)
def test_without_mediapipe(monkeypatch, version, said):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.setattr(landmarks_mediapipe.sys, "version_info", version)
    with pytest.raises(UserError, match=said):
        landmarks.detect([IMAGE], 25.0)


def test_a_mediapipe_that_cannot_be_imported(monkeypatch, tmp_path):
    (tmp_path / "mediapipe.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.delitem(sys.modules, "mediapipe", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"libGL\.so\.1.*headless"):
        landmarks.detect([IMAGE], 25.0)


def test_a_mediapipe_that_lacks_a_package(monkeypatch, tmp_path):
    (tmp_path / "mediapipe.py").write_text("import package_that_nobody_has")
    monkeypatch.delitem(sys.modules, "mediapipe", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="package_that_nobody_has"):
        landmarks.detect([IMAGE], 25.0)


def test_an_unsuitable_protobuf(monkeypatch):
    module = stand_in("0.10.14")
    module.solutions = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "mediapipe", module)
    monkeypatch.setattr(landmarks_mediapipe.metadata, "version", lambda name: "6.33.0")
    with pytest.raises(UserError, match=r'protobuf 6\.33\.0.*"protobuf<5"'):
        landmarks.detect([IMAGE], 25.0)


def test_what_is_no_noise_passes(capfd):
    with landmarks_mediapipe.quiet():
        landmarks_mediapipe.os.write(
            2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nE0000 a real error\n"
        )
    assert capfd.readouterr().err == "E0000 a real error\n"


def test_names_of_the_installed_tasks():
    """What `landmarks_tasks` uses exists where mediapipe is installed."""
    pytest.importorskip("mediapipe")
    mediapipe = landmarks_mediapipe.import_mediapipe()
    vision = mediapipe.tasks.vision
    assert {"base_options", "running_mode", "output_segmentation_mask"} <= set(
        vision.HolisticLandmarkerOptions.__dataclass_fields__
    )
    assert {
        "face_landmarks",
        "pose_landmarks",
        "left_hand_landmarks",
        "right_hand_landmarks",
        "segmentation_mask",
    } <= set(vision.HolisticLandmarkerResult.__dataclass_fields__)
    assert vision.RunningMode.IMAGE
    assert mediapipe.tasks.BaseOptions(model_asset_path="x")
    assert mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=IMAGE).height == 120


def test_the_installed_tasks_refuse_what_is_no_model(model):
    pytest.importorskip("mediapipe")
    with pytest.raises(UserError, match="cannot open"):
        landmarks_tasks.open_model(model)
