"""How a clip's voice is changed and recorded: one draw a clip, everything on a share of clips of its own."""

from dataclasses import dataclass

import numpy as np

from data_pipelines.avatars.sound import RATE

NOISES = {"hum": 0.15, "fan": 0.12, "keyboard": 0.08, "babble": 0.15, "music": 0.15}
"""Share of clips in which each is heard, beside the noise of the air that is in all."""

CODECS = {"": 0.68, "opus": 0.08, "mp3": 0.08, "aac": 0.08, "g711_mu": 0.03, "g711_a": 0.02, "g722": 0.03}
"""Share of clips that go through each codec, or none."""


@dataclass(frozen=True)
class Augmentation:
    """What was done to the sound of a clip.

    Attributes:
        tract: formants of the speaker are this much higher.
        stretch: the speech is this much longer at the same pitch.
        drift, jitter: standard deviations of the relative pitch, slowly and from period to period.
        shimmer: the same of the loudness.
        breath: share of noise in the voice, 1 a whisper.
        rt60: seconds of reverberation; 0 in the open.
        direct_db: of the direct sound over the room's.
        snr_db: of the speech over the noise.
        noises: of `NOISES`, beside the air.
        equaliser_db: standard deviation of an uneven frequency response; 0 is even.
        clip_db: how far below the peak the sound is cut; 0 not at all.
        band_hz: what passes.
        codec: of `media.codec.CODECS`; empty for none.
        bit_rate: of the codec, bits/s; 0 if it has but one.
        peak_db: the gain, as the level of the final peak, dBFS.
    """

    tract: float
    stretch: float
    drift: float
    jitter: float
    shimmer: float
    breath: float
    rt60: float
    direct_db: float
    snr_db: float
    noises: tuple[str, ...]
    equaliser_db: float
    clip_db: float
    band_hz: tuple[float, float]
    codec: str
    bit_rate: int
    peak_db: float


def draw(rng: np.random.Generator, bit_rates: dict[str, tuple[int, ...]]) -> Augmentation:
    """A clip's augmentation; `bit_rates` are those of each codec."""
    codec = str(rng.choice(list(CODECS), p=list(CODECS.values())))
    rates = bit_rates.get(codec, ())
    high = _sometimes(rng, 0.35, np.log(3400.0), np.log(8000.0), np.log(RATE / 2))
    return Augmentation(
        tract=float(np.exp(_sometimes(rng, 0.8, np.log(0.8), np.log(1.25)))),
        stretch=_sometimes(rng, 0.2, 0.8, 1.25, 1.0),
        drift=_sometimes(rng, 0.5, 0.005, 0.03),
        jitter=_sometimes(rng, 0.5, 0.002, 0.015),
        shimmer=_sometimes(rng, 0.5, 0.02, 0.12),
        breath=1.0 if rng.random() < 0.03 else _sometimes(rng, 0.25, 0.05, 0.6),
        rt60=_sometimes(rng, 0.65, 0.1, 0.8),
        direct_db=float(rng.uniform(-3, 15)),
        snr_db=float(rng.uniform(5, 45)),
        noises=tuple(noise for noise, share in NOISES.items() if rng.random() < share),
        equaliser_db=_sometimes(rng, 0.6, 1.0, 7.0),
        clip_db=_sometimes(rng, 0.1, 1.0, 12.0),
        band_hz=(_sometimes(rng, 0.4, 40.0, 300.0), float(np.exp(high))),
        codec=codec,
        bit_rate=int(rng.choice(rates)) if rates else 0,
        peak_db=float(rng.uniform(-36, 0)),
    )


def _sometimes(rng: np.random.Generator, share: float, low: float, high: float, otherwise: float = 0.0) -> float:
    """A number from `low` to `high` in a share of cases."""
    value = float(rng.uniform(low, high))
    return value if rng.random() < share else otherwise
