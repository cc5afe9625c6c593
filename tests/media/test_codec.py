"""Codecs: as long as before, nothing moves, better the more bits there are."""

import numpy as np
import pytest
from scipy import signal

from vlogger_jax.core.errors import UserError
from vlogger_jax.media import codec

RATE = 16000
ALL = [(name, rate or None) for name, kind in codec.CODECS.items() for rate in kind.bit_rates or (0,)]


def sound(seconds=2.0, seed=0):
    """Noise below 3 kHz that swells and fades, as speech does."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    noise = signal.sosfilt(signal.butter(4, 3000, fs=RATE, output="sos"), rng.standard_normal(samples))
    noise *= 1 + np.sin(2 * np.pi * 4 * np.arange(samples) / RATE)
    return (0.5 * noise / np.abs(noise).max()).astype(np.float32)


def ratio(heard, meant):
    """Signal to noise in dB, at the best gain."""
    fitted = np.dot(heard, meant) / np.dot(heard, heard) * heard
    return 10 * np.log10(np.sum(meant**2) / np.sum((fitted - meant) ** 2))


@pytest.mark.parametrize(("name", "bit_rate"), ALL)
@pytest.mark.parametrize("samples", [1, 16001])
def test_nothing_moves(name, bit_rate, samples):
    waveform = sound(samples / RATE)
    heard = codec.round_trip(waveform, RATE, name, bit_rate)
    assert heard.shape == waveform.shape and heard.dtype == np.float32
    assert np.isfinite(heard).all()
    if samples > 1:
        # Between samples too: twenty times as fine.
        fine = [signal.resample(x, 20 * len(x)) for x in (heard, waveform)]
        middle = len(fine[0]) - 1
        around = signal.correlate(*fine, "full", "fft")[middle - 2000 : middle + 2001]
        assert abs(int(around.argmax()) - 2000) / 20 <= 1.0


@pytest.mark.parametrize("name", codec.CODECS)
def test_more_bits_sound_better(name):
    waveform = sound()
    rates = codec.CODECS[name].bit_rates
    worst, best = (
        (ratio(codec.round_trip(waveform, RATE, name, rate), waveform) for rate in (rates[0], rates[-1]))
        if rates
        else (0, ratio(codec.round_trip(waveform, RATE, name), waveform))
    )
    assert best > 15 and best > worst + 3


def test_g711_keeps_the_telephone_band_only():
    high = np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE).astype(np.float32)
    assert np.abs(codec.round_trip(high, RATE, "g711_mu")[1000:-1000]).max() < 0.01


def test_the_same_sound_gives_the_same_bytes():
    waveform = sound()
    for name in codec.CODECS:
        assert codec.round_trip(waveform, RATE, name).tobytes() == codec.round_trip(waveform, RATE, name).tobytes()


@pytest.mark.parametrize("name", ["opus", "aac"])
def test_other_rates_than_the_codecs_own(name):
    waveform = np.repeat(sound(), 3)[:48000]
    heard = codec.round_trip(waveform, 48000, name, codec.CODECS[name].bit_rates[-1])
    assert heard.shape == waveform.shape
    assert abs(int(signal.correlate(heard, waveform).argmax()) - len(waveform) + 1) <= 3


# The others are resampled before they clip.
@pytest.mark.parametrize("name", [name for name, kind in codec.CODECS.items() if kind.rate == RATE])
def test_what_exceeds_1_is_clipped(name):
    loud = 4 * sound()
    np.testing.assert_array_equal(codec.round_trip(loud, RATE, name), codec.round_trip(loud.clip(-1, 1), RATE, name))


def test_an_unknown_codec_is_refused():
    with pytest.raises(UserError, match="there is no codec mp4"):
        codec.round_trip(sound(), RATE, "mp4")
