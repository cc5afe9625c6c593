"""Tracks on disk: what comes back, how large it is, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest

from data_pipelines.avatars import track_file
from data_pipelines.avatars.sound import RATE, augmentation, recording
from data_pipelines.avatars.track import Track
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.core.errors import UserError

NAMES = ("a", "b", "tʃ", "ə-", "øː", "p")


def made(index, seconds=10.0, phonemes=100):
    rng = np.random.default_rng(index)
    samples = round(seconds * RATE)
    ends = [*np.sort(rng.uniform(0, samples / RATE, phonemes - 1)).tolist(), samples / RATE]
    said = [
        Phoneme("" if i % 9 == 0 else str(rng.choice(NAMES)), start, end, int(rng.integers(3)))
        for i, (start, end) in enumerate(zip([0.0, *ends[:-1]], ends, strict=True))
    ]
    waveform = (rng.laplace(size=samples) * 0.02).clip(-1, 1).astype(np.float32)
    drawn = augmentation.draw(rng, recording.BIT_RATES)
    return Track(waveform, tuple(said), "de", "de+f1", f"Grüß dich {index}, „ja“.", drawn)


@pytest.fixture
def tracks():
    return [made(0), made(1, 3.37).mute(), made(2, 1.0, 1), made(3).mute()]


def test_what_is_saved_is_loaded(tmp_path, tracks):
    track_file.save(tmp_path / "tracks.npz", tracks)
    loaded = track_file.load(tmp_path / "tracks.npz")
    assert len(loaded) == len(tracks)
    for one, two in zip(tracks, loaded, strict=True):
        blank = {"waveform": None, "phonemes": ()}
        assert dataclasses.replace(one, **blank) == dataclasses.replace(two, **blank)
        assert [(p.ipa, p.stress) for p in one.phonemes] == [(p.ipa, p.stress) for p in two.phonemes]
        times = [np.array([(p.start, p.end) for p in some.phonemes]) for some in (one, two)]
        np.testing.assert_allclose(*times, atol=0.5001 * one.duration / 65535)
        assert one.duration == two.duration
        assert all(before.end == after.start for before, after in zip(two.phonemes, two.phonemes[1:], strict=False))
        assert (one.waveform is None) == (two.waveform is None)


def test_sound_comes_back_at_37_db(tmp_path):
    times = np.arange(5 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 300 * times) * np.sin(2 * np.pi * times)).astype(np.float32)
    for waveform in (tone, 0.01 * tone, made(0).waveform):
        track_file.save(tmp_path / "tracks.npz", [dataclasses.replace(made(0, 5.0), waveform=waveform[: 5 * RATE])])
        [loaded] = track_file.load(tmp_path / "tracks.npz")
        meant = waveform[: 5 * RATE]
        assert 10 * np.log10(np.sum(meant**2) / np.sum((loaded.waveform - meant) ** 2)) > 36.5
    track_file.save(tmp_path / "tracks.npz", [dataclasses.replace(made(0, 1.0), waveform=np.zeros(RATE, np.float32))])
    assert not track_file.load(tmp_path / "tracks.npz")[0].waveform.any()


def test_sound_follows_the_curve_of_mu_law(tmp_path):
    waveform = np.array([0.4, 0.2, 0.0, -0.004, -0.4] * 3200, np.float32)
    track_file.save(tmp_path / "tracks.npz", [dataclasses.replace(made(0, 1.0), waveform=waveform)])
    with np.load(tmp_path / "tracks.npz", allow_pickle=False) as archive:
        # 127 + 127 ln(1 + 255 x) / ln(256) at x = 1, 0.5, 0, -0.01, -1.
        assert archive["sound"][:5].tolist() == [254, 238, 127, 98, 0]


def test_phonemes_of_thousands_fit(tmp_path):
    many = [dataclasses.replace(made(i % 40).mute(), text=f"{i}") for i in range(500)]
    track_file.save(tmp_path / "tracks.npz", many)
    assert (tmp_path / "tracks.npz").stat().st_size < track_file.LARGEST / 40


def test_too_much_is_refused_and_nothing_is_left(tmp_path, tracks, monkeypatch):
    monkeypatch.setattr(track_file, "LARGEST", 100_000)
    with pytest.raises(UserError, match="4 tracks, 2 with sound, take"):
        track_file.save(tmp_path / "tracks.npz", tracks)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="no tracks"):
        track_file.save(tmp_path / "tracks.npz", [])
    names = tuple(Phoneme(chr(0x4E00 + i), i / 300, (i + 1) / 300) for i in range(300))
    with pytest.raises(UserError, match="300 different phonemes"):
        track_file.save(tmp_path / "tracks.npz", [dataclasses.replace(made(0, 1.0), phonemes=names)])


def damaged(arrays, name, change):
    arrays = dict(arrays)
    arrays[name] = change(arrays[name]) if name in arrays else change(None)
    return {key: value for key, value in arrays.items() if value is not None}


def header(change):
    def changed(array):
        content = json.loads(array.tobytes())
        change(content)
        return np.frombuffer(json.dumps(content).encode(), np.uint8)

    return changed


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("format", lambda a: np.asarray("vlogger.fit"), "holds 'vlogger.fit'"),
        ("format", lambda a: None, "holds 'nothing'"),
        ("version", lambda a: np.asarray(2), "of version 2"),
        ("names", lambda a: None, "damaged"),
        ("more", lambda a: np.zeros(1), "damaged"),
        ("names", lambda a: a[:-1], "damaged"),
        ("names", lambda a: a + 100, "damaged"),
        ("names", lambda a: a.astype(np.int64), "damaged"),
        ("names", lambda a: a[None], "damaged"),
        ("stress", lambda a: a + 3, "damaged"),
        ("ends", lambda a: a[::-1].copy(), "damaged"),
        ("ends", lambda a: a[[3, 1, 2, 0, *range(4, len(a))]], "damaged"),
        ("ends", lambda a: np.minimum(a, 65534), "damaged"),
        ("sound", lambda a: a[1:], "damaged"),
        ("peaks", lambda a: a * np.float32(np.nan), "damaged"),
        ("samples", lambda a: a * 0, "damaged"),
        ("phonemes", lambda a: a[1:], "damaged"),
        ("header", lambda a: a[:-1], "damaged"),
        ("header", header(lambda c: c["tracks"].pop()), "damaged"),
        ("header", header(lambda c: c.pop("vocabulary")), "damaged"),
        ("header", header(lambda c: c["tracks"][0][3].update(tract="long")), "damaged"),
        ("header", header(lambda c: c["tracks"][0][3].update(more=1)), "damaged"),
        ("header", header(lambda c: c["tracks"][1].__setitem__(0, 5)), "damaged"),
        ("header", header(lambda c: c["vocabulary"].__setitem__(0, 5)), "damaged"),
    ],
)
def test_damage_is_told_in_one_line(tmp_path, tracks, name, change, message):
    track_file.save(tmp_path / "tracks.npz", tracks)
    with np.load(tmp_path / "tracks.npz", allow_pickle=False) as archive:
        arrays = damaged(dict(archive.items()), name, change)
    np.savez(tmp_path / "tracks.npz", **arrays)
    with pytest.raises(UserError, match=message):
        track_file.load(tmp_path / "tracks.npz")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 and more", b"some text"])
def test_other_files_are_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "tracks.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"tracks\.npz"):
        track_file.load(tmp_path / "tracks.npz")


@pytest.mark.parametrize(
    ("central", "local", "value"), [(8, 6, 1), (8, 6, 32), (10, 8, 99)]
)  # encrypted; patched; of an unknown method
def test_what_zip_cannot_unpack_is_told_in_one_line(tmp_path, tracks, central, local, value):
    track_file.save(tmp_path / "tracks.npz", tracks)
    content = bytearray((tmp_path / "tracks.npz").read_bytes())
    content[local] = content[content.index(b"PK\x01\x02") + central] = value
    (tmp_path / "tracks.npz").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read as tracks"):
        track_file.load(tmp_path / "tracks.npz")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "tracks.npz", format=np.array([print], object))
    with pytest.raises(UserError, match="cannot be read"):
        track_file.load(tmp_path / "tracks.npz")
