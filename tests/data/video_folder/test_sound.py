"""The sound of a piece, and how loud it is."""

import numpy as np
import pytest

from data_pipelines.recipe import Unusable
from data_pipelines.video_folder import sound
from tests.data.video_folder import made


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.001])
def test_the_level_of_a_sine(amplitude):
    waveform = np.round(32767 * made.tone(48, amplitude)).astype(np.int16)
    expected = 20 * np.log10(amplitude / np.sqrt(2))
    assert sound.level(waveform) == pytest.approx(expected, abs=0.2)
    pauses = np.concatenate([waveform, np.zeros(5 * len(waveform), np.int16)])
    assert sound.level(pauses) == pytest.approx(expected, abs=0.2), "pauses do not count"


def test_silence():
    assert sound.level(np.zeros(16000, np.int16)) <= -100
    assert sound.level(np.zeros(0, np.int16)) <= -100


def test_a_part_is_where_it_is_in_the_whole(tmp_path):
    rng = np.random.default_rng(0)
    heard = np.repeat(rng.uniform(-0.5, 0.5, 48), sound.samples(1)).astype(np.float32)
    heard *= np.sin(np.arange(len(heard)) * 0.3).astype(np.float32)
    path = made.video(tmp_path / "a.mp4", (made.picture(i) for i in range(48)), heard)
    whole, part = sound.read(path, 0, 48), sound.read(path, 10, 20)
    first = sound.samples(10)
    np.testing.assert_array_equal(part, whole[first : first + sound.samples(20)])
    assert len(whole) == 32000 and whole.dtype == np.int16
    later = sound.read(path, 40, 100)
    assert sound.samples(8) <= len(later) <= sound.samples(9)


def test_frames_are_as_long_as_their_sound():
    assert [sound.samples(n) for n in (0, 1, 2, 3, 24, 50)] == [0, 667, 1333, 2000, 16000, 33333]


def test_videos_without_sound(tmp_path):
    path = made.video(tmp_path / "a.mp4", (made.picture(i) for i in range(6)), None)
    with pytest.raises(Unusable, match="no sound"):
        sound.read(path, 0, 6)
