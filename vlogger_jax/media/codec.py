"""Sound as it comes out of a codec: encoded and decoded in memory, without the codec's delay."""

import functools
from typing import NamedTuple

import av
import numpy as np
import soxr

from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float32


class Codec(NamedTuple):
    """A codec for speech or music.

    Attributes:
        encoder, decoder: FFmpeg's names.
        format: of the samples that the encoder takes.
        rate: samples/s at which it works.
        bit_rates: bits/s that suit one channel; empty if it has but one.
        options: for the encoder.
    """

    encoder: str
    decoder: str
    format: str
    rate: int
    bit_rates: tuple[int, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


CODECS = {
    "opus": Codec("libopus", "opus", "flt", 16000, (8000, 12000, 16000, 24000, 48000), (("compression_level", "3"),)),
    "mp3": Codec("libmp3lame", "mp3float", "fltp", 16000, (16000, 24000, 32000, 64000), (("compression_level", "7"),)),
    "aac": Codec("aac", "aac", "fltp", 16000, (16000, 24000, 32000, 64000), (("aac_coder", "fast"),)),
    "g711_mu": Codec("pcm_mulaw", "pcm_mulaw", "s16", 8000),
    "g711_a": Codec("pcm_alaw", "pcm_alaw", "s16", 8000),
    "g722": Codec("adpcm_g722", "adpcm_g722", "s16", 16000),
}

_BLOCK = 1024  # samples a packet of codecs that do not care
_SLACK = 0.25  # s, longer than any codec's delay


def round_trip(
    waveform: Float32[np.ndarray, "s"], rate: int, name: str, bit_rate: int | None = None
) -> Float32[np.ndarray, "s"]:
    """`waveform` after `name` (of `CODECS`) has coded it; as long, and nothing in it moves by more than a sample.

    Codecs add a delay, which is measured once a process and removed.

    Args:
        waveform: in [-1, 1], not empty; what is beyond is clipped.
        rate: samples/s.
        bit_rate: bits/s; the codec's lowest by default.

    Raises:
        UserError: if there is no such codec, or this FFmpeg lacks it.
    """
    if name not in CODECS:
        raise UserError(f"there is no codec {name}", f"Give one of {', '.join(CODECS)}")
    codec = CODECS[name]
    bit_rate = bit_rate or min(codec.bit_rates, default=0)
    delay = _delay(name, bit_rate)
    sound = waveform if rate == codec.rate else soxr.resample(waveform, rate, codec.rate, "HQ")
    coded = _coded(np.clip(sound, -1, 1), codec, bit_rate)
    if rate != codec.rate:
        coded, delay = soxr.resample(coded, codec.rate, rate, "HQ"), round(delay * rate / codec.rate)
    coded = coded[delay : delay + len(waveform)]
    return np.pad(coded, (0, len(waveform) - len(coded))).astype(np.float32, copy=False)


@functools.cache
def _delay(name: str, bit_rate: int) -> int:
    """Samples, at the codec's own rate, by which it delays."""
    codec = CODECS[name]
    # Noise swelling and fading, of the band that every codec keeps.
    samples = codec.rate // 2
    sound = np.convolve(np.random.default_rng(0).standard_normal(samples), np.hanning(9), "same")
    sound = (0.2 * sound / np.abs(sound).max() * np.hanning(samples)).astype(np.float32)
    coded = _coded(sound, codec, bit_rate)
    return int(np.correlate(coded, sound, "valid").argmax())


def _coded(sound: np.ndarray, codec: Codec, bit_rate: int) -> np.ndarray:
    """`sound` encoded and decoded, later by the codec's delay and with some silence behind."""
    try:
        encoder = av.CodecContext.create(codec.encoder, "w")
        decoder = av.CodecContext.create(codec.decoder, "r")
        encoder.format, encoder.layout, encoder.sample_rate = codec.format, "mono", codec.rate
        encoder.options = dict(codec.options)
        if bit_rate:
            encoder.bit_rate = bit_rate
        encoder.open()
    except (av.FFmpegError, av.codec.codec.UnknownCodecError) as error:
        raise UserError(f"FFmpeg cannot code {codec.encoder}", "Install PyAV's own wheel: `pip install av`") from error
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    decoder.layout, decoder.sample_rate = "mono", codec.rate
    size = encoder.frame_size or _BLOCK
    count = -(-(len(sound) + round(_SLACK * codec.rate)) // size)
    sound = np.pad(sound, (0, count * size - len(sound)))
    if codec.format == "s16":
        sound = np.rint(sound * 32767).astype(np.int16)
    blocks = []
    for k in range(count + 1):
        packets = encoder.encode(_frame(sound, k, size, codec) if k < count else None)
        for frame in (frame for packet in packets for frame in decoder.decode(packet)):
            block = frame.to_ndarray().reshape(-1)
            blocks.append(block if block.dtype.kind == "f" else block.astype(np.float32) / 32768)
            rate = frame.sample_rate
    coded = np.concatenate(blocks).astype(np.float32, copy=False)
    return coded if rate == codec.rate else soxr.resample(coded, rate, codec.rate, "HQ")


def _frame(sound: np.ndarray, k: int, size: int, codec: Codec) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None, k * size : (k + 1) * size], codec.format, "mono")
    frame.sample_rate, frame.pts = codec.rate, k * size
    return frame
