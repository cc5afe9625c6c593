"""The real detectors on a real person: scikit-image's astronaut, a photograph of NASA in the public domain."""

import importlib.util
import logging
import subprocess
import sys

import numpy as np
import pytest
from skimage import data, transform

from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks
from vlogger_jax.fit.landmarks import POINTS, Landmarks

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe") is None, reason="mediapipe is not installed (pip install vlogger_jax[fit])"
)

# Read off an enlarged print of the astronaut, in pixels.
BY_HAND = {
    468: (203.8, 101.0),  # right iris
    473: (246.3, 103.7),  # left iris
    61: (203.0, 140.3),  # right corner of the mouth
    291: (244.5, 141.2),
    152: (223.3, 178.7),  # chin
}
MIRRORED = {"left_hand": "right_hand", "right_hand": "left_hand"}


def shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    small = transform.rescale(image, scale, channel_axis=2, anti_aliasing=True)
    return np.rint(255 * small).astype(np.uint8)


def detect(image: np.ndarray) -> Landmarks:
    return landmarks.detect([np.ascontiguousarray(image)], 24.0)


def off(found: Landmarks, expected: np.ndarray) -> float:
    """Mean distance of the inner points of the face from where they are expected, pixels."""
    inner = found.face_confidence[0] > 0.9
    return float(np.linalg.norm(found.face[0, :, :2] - expected[:, :2], axis=-1)[inner].mean())


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


@pytest.fixture(scope="module")
def found(astronaut) -> Landmarks:
    return detect(astronaut)


def test_points_lie_where_they_should(found):
    for index, at in BY_HAND.items():
        assert np.linalg.norm(found.face[0, index, :2] - at) < 3, index
    assert np.linalg.norm(found.face[0, [468, 473], :2] - [BY_HAND[468], BY_HAND[473]], axis=-1).max() < 1
    nose, ear = found.face[0, 4, 2], found.face[0, 234, 2]
    assert nose < ear - 20, "smaller z is nearer"
    left, right = found.pose[0, 11], found.pose[0, 12]
    assert 290 < left[0] < 340
    assert 90 < right[0] < 150
    assert found.pose_confidence[0, [0, 11, 12]].min() > 0.9
    assert found.pose_confidence[0, 25:].max() <= 0.1, "legs are outside"


def test_the_face_is_trusted_and_the_hands_that_are_not_there_are_not(found):
    assert found.face_confidence[0, [4, 13, 468, 473]].min() == 1
    assert found.face_confidence[0].min() > 0
    assert max(found.left_hand_confidence.max(), found.right_hand_confidence.max()) < 0.6


def test_the_matte_is_the_person(found):
    assert found.matte.shape == (1, 512, 512)
    assert found.matte[0, [100, 60, 300, 450], [222, 222, 222, 150]].min() > 200  # face, hair, suit, sleeve
    assert found.matte[0, [30, 200, 100], [30, 480, 420]].max() < 20  # flag, background, shuttle


def test_a_wider_picture_moves_the_points_along(astronaut, found):
    wider = np.pad(astronaut, ((60, 40), (100, 20), (0, 0)), mode="edge")
    assert off(detect(wider), found.face[0] + (100, 60, 0)) < 1


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_picture_scales_the_points(astronaut, found, scale):
    assert off(detect(shrunk(astronaut, scale)), scale * found.face[0]) < max(1.5 * scale, 1)


def test_a_huge_picture(astronaut, found):
    huge = np.repeat(np.repeat(astronaut, 10, 0), 10, 1)
    again = detect(huge)
    assert off(again, 10 * found.face[0]) < 10
    assert again.size == (5120, 5120)
    assert again.matte.shape == (1, 512, 512)


def test_a_mirrored_picture_swaps_left_and_right(astronaut, found):
    again = detect(astronaut[:, ::-1])
    for left, right in ((473, 468), (291, 61), (263, 33)):
        assert np.linalg.norm(again.face[0, left, :2] - (512, 0) - found.face[0, right, :2] * (-1, 1)) < 2.5
    assert np.linalg.norm(again.pose[0, 11, :2] - (512, 0) - found.pose[0, 12, :2] * (-1, 1)) < 15


@pytest.mark.parametrize("part", [np.s_[40:220, 140:300], np.s_[75:200, 170:285], np.s_[85:185, 178:275]])
def test_tight_crops(astronaut, found, part):
    again = detect(astronaut[part])
    assert off(again, found.face[0] - (part[1].start, part[0].start, 0)) < 3.5


def test_half_a_face_is_outside_of_the_picture(astronaut):
    again = detect(astronaut[40:220, 140:225])
    assert again.face_confidence[0, 33] > 0.9
    assert again.face_confidence[0, 263] <= 0.1


def test_a_small_face_in_a_large_picture(astronaut, found):
    large = np.pad(shrunk(astronaut, 0.5), ((300, 500), (900, 400), (0, 0)), mode="edge")
    assert off(detect(large), found.face[0] / 2 + (900, 300, 0)) < 2


@pytest.mark.parametrize("left", [True, False])
def test_the_larger_of_two_people_is_taken(astronaut, found, left, caplog):
    small = np.pad(shrunk(astronaut, 0.6), ((205, 0), (0, 0), (0, 0)), mode="edge")[:512]
    both = np.concatenate([astronaut, small] if left else [small, astronaut], axis=1)
    shift = 0 if left else small.shape[1]
    with caplog.at_level(logging.WARNING, logger="vlogger_jax"):
        again = detect(both)
    assert [record.getMessage() for record in caplog.records] == [
        "2 faces in frame 0: the person with the largest is taken"
    ]
    assert off(again, found.face[0] + (shift, 0, 0)) < 1.5
    scale = again.matte.shape[2] / both.shape[1]
    other = small.shape[1] // 2 + (512 if left else 0)
    assert again.matte[0, int(scale * 100), int(scale * (shift + 222))] > 200
    assert again.matte[0, int(scale * 400), int(scale * other)] < 30


NOBODY = {
    "coffee": data.coffee,
    "cat": data.chelsea,
    "rocket": data.rocket,
    "wheel": lambda: data.colorwheel()[..., :3],
    "black": lambda: np.zeros((300, 200, 3), np.uint8),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8),
}


@pytest.mark.parametrize("name", NOBODY)
def test_nobody(name):
    with pytest.raises(UserError, match="no face was found in the picture"):
        detect(NOBODY[name]())


def test_frames_that_show_nobody_in_between(astronaut, found, caplog):
    frames = [astronaut] * 3 + [data.coffee()[:400, :400].repeat(2, 0).repeat(2, 1)[:512, :512]] * 2 + [astronaut] * 2
    with caplog.at_level(logging.WARNING, logger="vlogger_jax"):
        again = landmarks.detect(iter(frames), 25)
    assert (again.face_confidence.max(axis=1) > 0).tolist() == [True] * 3 + [False] * 2 + [True] * 2
    np.testing.assert_allclose(again.face[[0, 6]], found.face[[0, 0]], atol=2)
    assert (again.face[3:5] == 0).all()
    assert "no face in 2 of 7 frames, first in frame 3" in caplog.text
    assert again.fps == 25


def test_a_file_of_what_was_found(found, tmp_path):
    landmarks.save(tmp_path / "a.npz", found)
    again = landmarks.load(tmp_path / "a.npz")
    for name in (*POINTS, "matte"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_nothing_is_written_to_the_screen():
    code = """
import numpy as np
from skimage import data
from vlogger_jax.fit import landmarks
landmarks.detect([data.astronaut()], 24)
"""
    done = subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_frame_rates_that_cannot_be(astronaut, fps):
    with pytest.raises(UserError, match="frame rate"):
        landmarks.detect([astronaut], fps)


@pytest.mark.media
def test_hands_of_real_portraits_are_the_persons_own(media):
    from PIL import Image

    for path in sorted((media / "portraits").glob("emtd*.png")):
        found = detect(np.asarray(Image.open(path).convert("RGB")))
        for name, wrist in (("left_hand", 15), ("right_hand", 16)):
            assert getattr(found, f"{name}_confidence").min() > 0.5, path
            hand, other = getattr(found, name)[0, 0, :2], getattr(found, MIRRORED[name])[0, 0, :2]
            own = found.pose[0, wrist, :2]
            assert np.linalg.norm(hand - own) < np.linalg.norm(other - own), path


@pytest.mark.media
@pytest.mark.parametrize("name", ["RD_Radio10_0_clip_0", "WDA_KatieHill_000", "latentsync_demo3_gesture"])
def test_real_clips(media, name):
    import av

    with av.open(str(media / "video" / f"{name}.mp4")) as container:
        frames = [f.to_ndarray(format="rgb24") for f, _ in zip(container.decode(video=0), range(15), strict=False)]
    found = landmarks.detect(iter(frames), 25)
    assert (found.face_confidence.max(axis=1) == 1).all()
    assert (np.linalg.norm(np.diff(found.face[:, 4, :2], axis=0), axis=1) < 0.05 * frames[0].shape[0]).all()
    hands = found.left_hand_confidence.mean() + found.right_hand_confidence.mean()
    assert hands > 1 if "gesture" in name else hands < 0.2
