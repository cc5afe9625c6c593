"""Noises: what each is made of, that it lasts, and that a recording holds what was asked."""

import dataclasses

import numpy as np
import pytest
from scipy import signal

from data_pipelines.avatars.sound import RATE, augmentation, body_noise, level, noise, recording, spectrum

KINDS = (noise.air, noise.hum, noise.fan, noise.keyboard, noise.music)


def plain(**changes):
    """An augmentation that does nothing but what is asked."""
    nothing = augmentation.Augmentation(
        1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 30.0, (), 0.0, 0.0, (0.0, RATE / 2), "", 0, 0.0
    )
    return dataclasses.replace(nothing, **changes)


def draws(count=2500):
    return [augmentation.draw(np.random.default_rng([5, i]), recording.BIT_RATES) for i in range(count)]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("samples", [1, 777, 10 * RATE])
def test_noises_last_as_told_and_are_pure(make, samples):
    one, two, other = (make(samples, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.shape == (samples,) and one.dtype == np.float32
    assert np.isfinite(one).all() and one.any()
    assert one.tobytes() == two.tobytes()
    assert samples == 1 or one.tobytes() != other.tobytes()


def test_hum_is_harmonics_of_the_mains():
    for seed in range(6):
        sound = noise.hum(10 * RATE, np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(sound)) ** 2
        on = [sum(power[10 * k * mains - 1 : 10 * k * mains + 2].sum() for k in range(1, 13)) for mains in (50, 60)]
        assert max(on) > 0.98 * power.sum()


def test_music_keeps_a_beat_and_keyboards_knock():
    music, typing = (make(10 * RATE, np.random.default_rng(3)) for make in (noise.music, noise.keyboard))
    for sound, share in ((music, 2.0), (typing, 5.0)):
        loudness = np.sqrt(np.mean(sound.reshape(-1, 160) ** 2, axis=1))
        assert loudness.max() > share * np.median(loudness)


def test_babble_is_many_voices_over_each_other():
    rng = np.random.default_rng(0)
    gates = [(signal.square(2 * np.pi * np.arange(3 * RATE) / RATE) > 0) for _ in range(3)]
    voices = [(gate * rng.standard_normal(len(gate))).astype(np.float32) for gate in gates]
    sound = noise.babble(10 * RATE, voices, rng)
    # Each voice is silent half of the time; all of them together never are.
    loudness = np.mean(sound.reshape(-1, 1600) ** 2, axis=1)
    assert loudness.min() > 0.1 * loudness.mean()


@pytest.mark.parametrize("make", [kind[0] for kind in body_noise.KINDS])
def test_sounds_of_the_body_are_short(make):
    lengths = [len(make(np.random.default_rng(seed))) / RATE for seed in range(30)]
    assert min(lengths) >= 0.02 and max(lengths) < 1.1
    assert np.isfinite(make(np.random.default_rng(0))).all()


def test_pauses_hold_them_sometimes():
    pauses = [body_noise.in_pause(RATE, np.random.default_rng(seed)) for seed in range(300)]
    assert 0.3 < np.mean([pause.any() for pause in pauses]) < 0.7
    assert not body_noise.in_pause(10, np.random.default_rng(1)).any()
    assert np.median([20 * np.log10(np.abs(pause).max()) for pause in pauses if pause.any()]) < -3


def test_everything_is_drawn_on_a_share_of_clips_and_in_its_range():
    drawn = draws()
    for name, share, low, high, otherwise in [
        ("tract", 0.8, 0.8, 1.25, 1.0),
        ("stretch", 0.2, 0.8, 1.25, 1.0),
        ("drift", 0.5, 0.005, 0.03, 0.0),
        ("jitter", 0.5, 0.002, 0.015, 0.0),
        ("shimmer", 0.5, 0.02, 0.12, 0.0),
        ("breath", 0.27, 0.05, 1.0, 0.0),
        ("rt60", 0.65, 0.1, 0.8, 0.0),
        ("equaliser_db", 0.6, 1.0, 7.0, 0.0),
        ("clip_db", 0.1, 1.0, 12.0, 0.0),
        ("snr_db", 1.0, 5.0, 45.0, None),
        ("peak_db", 1.0, -36.0, 0.0, None),
    ]:
        values = np.array([getattr(one, name) for one in drawn])
        changed = values if otherwise is None else values[values != otherwise]
        assert abs(len(changed) / len(drawn) - share) < 0.03, name
        assert changed.min() >= low and changed.max() <= high, name
        assert changed.min() < low + 0.02 * (high - low) and changed.max() > high - 0.02 * (high - low), name
    high = np.array([one.band_hz[1] for one in drawn])
    assert 3400 <= high.min() < 3450 and high.max() == RATE / 2 and abs((high < RATE / 2).mean() - 0.35) < 0.03
    for noise_name, share in augmentation.NOISES.items():
        assert abs(np.mean([noise_name in one.noises for one in drawn]) - share) < 0.03
    codecs = [one.codec for one in drawn]
    for codec, share in augmentation.CODECS.items():
        assert abs(codecs.count(codec) / len(codecs) - share) < 0.03
    assert all(bool(one.bit_rate) == bool(recording.BIT_RATES.get(one.codec)) for one in drawn)


def test_the_background_has_power_1_and_its_noises():
    for name in augmentation.NOISES:
        others = [np.random.default_rng(9).standard_normal(RATE).astype(np.float32)]
        with_it, without = (
            recording.background(4 * RATE, plain(noises=noises), others, np.random.default_rng(0))
            for noises in ((name,), ())
        )
        assert abs(np.mean(with_it**2) - 1) < 1e-3
        assert np.abs(with_it - without).max() > 0.1


def voice_and_noise():
    rng = np.random.default_rng(0)
    spoken = np.arange(4 * RATE) % RATE < RATE // 2
    voice = np.where(spoken, spectrum.coloured(4 * RATE, 1.0, rng), 0).astype(np.float32)
    return voice, spoken, spectrum.coloured(4 * RATE, 0.0, rng)


@pytest.mark.parametrize("snr", [5.0, 25.0, 45.0])
@pytest.mark.parametrize("rt60", [0.0, 0.5])
def test_a_recording_has_the_asked_ratio(snr, rt60):
    voice, spoken, sound = voice_and_noise()
    asked = plain(snr_db=snr, rt60=rt60, direct_db=3.0)
    mixed, clean = (
        recording.record(voice, spoken, part, asked, np.random.default_rng(1)) for part in (sound, 1e-6 * sound)
    )
    # Scaled noise does not depend on the level that it comes with.
    np.testing.assert_allclose(mixed, clean, atol=1e-4)
    heard = recording.record(voice, spoken, sound, dataclasses.replace(asked, snr_db=200.0), np.random.default_rng(1))
    scale = np.dot(mixed, heard) / np.dot(heard, heard)
    rest = mixed - scale * heard
    measured = 10 * np.log10(level.power(scale * heard, spoken) / np.mean(rest**2))
    assert abs(measured - snr) < 0.15


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"equaliser_db": 6.0},
        {"band_hz": (200.0, 3400.0)},
        {"clip_db": 10.0},
        {"rt60": 0.6, "direct_db": 0.0},
        *({"codec": name, "bit_rate": min(rates, default=0)} for name, rates in recording.BIT_RATES.items()),
    ],
)
def test_nothing_in_a_recording_moves(changes):
    voice, spoken, sound = voice_and_noise()
    heard = recording.record(voice, spoken, sound, plain(**changes), np.random.default_rng(2))
    assert heard.dtype == np.float32 and heard.shape == voice.shape
    lag = signal.correlate(heard, voice, "full").argmax() - len(voice) + 1
    assert abs(lag) <= 16
    assert abs(np.abs(heard).max() - 1) < 1e-3


def test_a_band_is_heard_in_the_recording():
    voice, spoken, sound = voice_and_noise()
    heard = recording.record(voice, spoken, sound, plain(band_hz=(300.0, 3400.0)), np.random.default_rng(2))
    frequency, power = signal.welch(heard, RATE, nperseg=1024)
    assert power[frequency > 3800].max() < 1e-4 * power[(frequency > 400) & (frequency < 3300)].mean()


def test_clipping_and_codecs_are_heard_in_the_recording():
    voice, spoken, sound = voice_and_noise()
    plainly, clipped, *coded = (
        recording.record(voice, spoken, sound, plain(**changes), np.random.default_rng(2))
        for changes in ({}, {"clip_db": 10.0}, *({"codec": name} for name in recording.BIT_RATES))
    )
    assert np.mean(np.abs(clipped) > 0.999) > 100 * np.mean(np.abs(plainly) > 0.999)
    for heard in coded:
        assert np.abs(heard - plainly).max() > 1e-3
