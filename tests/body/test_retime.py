"""Motion at other frame rates."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_jax.body import model_file, retime, rotation, smplx
from vlogger_jax.core.records import Motion


def moving(frames: int, fps: float = 24.0) -> Motion:
    """Turning by a degree a frame about one axis, and going a millimetre."""
    rest = smplx.rest_motion(model_file.default(), frames, fps)
    i = np.arange(frames, dtype=np.float32)
    turned = np.zeros((frames, 3), np.float32)
    turned[:, 1] = np.deg2rad(i)
    pose = rest.body_pose.copy()
    pose[:, 3, 0] = np.deg2rad(2 * i)
    expression = rest.expression.copy()
    expression[:, 7] = 0.01 * i
    transl = np.stack([0.001 * i, 0 * i, 0 * i], axis=-1)
    return dataclasses.replace(rest, global_orient=turned, body_pose=pose, expression=expression, transl=transl)


def whole(parts) -> Motion:
    parts = list(parts)
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in (*retime.ROTATIONS, *retime.STRAIGHT)
    }
    return dataclasses.replace(parts[0], **joined)


@pytest.mark.parametrize("fps", [12.0, 25.0, 29.97, 30.0, 60.0])
def test_what_moves_evenly_moves_evenly_at_any_rate(fps):
    found = whole(retime.stream([moving(49)], fps))
    rate = Fraction(30000, 1001) if fps == 29.97 else Fraction(fps)
    assert found.fps == pytest.approx(float(rate))
    frames = int(48 / 24 * rate) + 1
    at = np.arange(frames) * 24 / float(rate)
    assert len(found.transl) == frames
    np.testing.assert_allclose(found.transl[:, 0], 0.001 * at, atol=1e-6)
    np.testing.assert_allclose(found.expression[:, 7], 0.01 * at, atol=1e-6)
    np.testing.assert_allclose(np.rad2deg(found.global_orient[:, 1]), at, atol=1e-3)
    np.testing.assert_allclose(np.rad2deg(found.body_pose[:, 3, 0]), 2 * at, atol=1e-3)
    assert not found.jaw_pose.any()


def test_at_its_own_rate_it_is_itself_to_the_bit():
    motion = moving(30)
    found = whole(retime.stream([motion], 24))
    for name in (*retime.ROTATIONS, *retime.STRAIGHT):
        np.testing.assert_array_equal(getattr(found, name), getattr(motion, name))


def test_rotations_go_the_shorter_way():
    motion = moving(2)
    ends = np.float32([[0, np.deg2rad(170), 0], [0, np.deg2rad(-170), 0]])
    found = whole(retime.stream([dataclasses.replace(motion, global_orient=ends)], 48))
    middle = rotation.axis_angle_to_matrix(found.global_orient[1:2])[0]
    np.testing.assert_allclose(middle, np.diag([-1, 1, -1]), atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.sampled_from([10.0, 23.976, 24.0, 25.0, 50.0]),
    st.one_of(st.none(), st.integers(1, 80)),
)
def test_parts_make_no_difference(lengths, fps, frames):
    motion = moving(sum(lengths))
    ends = np.cumsum(lengths)
    parts = [smplx.frames_of(motion, slice(end - n, end)) for n, end in zip(lengths, ends, strict=True)]
    one, other = (whole(retime.stream(each, fps, frames)) for each in ([motion], parts))
    assert frames is None or len(one.transl) == frames
    for name in (*retime.ROTATIONS, *retime.STRAIGHT):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-6)


def test_after_its_end_it_stays():
    found = whole(retime.stream([moving(3)], 24, 7))
    np.testing.assert_allclose(found.transl[:, 0], [0, 0.001, 0.002, 0.002, 0.002, 0.002, 0.002], atol=1e-7)
    assert list(retime.stream([], 24, 7)) == []
