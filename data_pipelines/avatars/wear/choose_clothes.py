"""Drawing clothes: a shirt with its collar and buttons, and something over it."""

import dataclasses

import numpy as np

from data_pipelines.avatars.wear.draws import LAST_SEED, between, chance, one_of
from data_pipelines.avatars.wear.styles import Buttons, Garment, Hood, Lapel, Neckline, ShirtCollar, Tie


def shirt(rng: np.random.Generator) -> tuple[Garment, tuple[ShirtCollar | Hood | Tie, ...], Buttons | None]:
    """A shirt with what belongs to it."""
    kind = one_of(rng, round=5, vee=2, boat=1, turtleneck=1.5, tank=1, shirt=3, polo=1.5, hoodie=2)
    collars: tuple[ShirtCollar | Hood | Tie, ...] = ()
    row = None
    sleeve = between(rng, 0.57, 0.642) if chance(rng, 0.55) else between(rng, 0.24, 0.40)
    thickness, loose = between(rng, 0.003, 0.008), between(rng, 0.0, 0.018) * chance(rng, 0.8)
    neckline = Neckline(
        width=between(rng, 0.062, 0.078), front=between(rng, 0.025, 0.06), back=between(rng, 0.01, 0.025)
    )
    match kind:
        case "vee":
            bottom = between(rng, 0.0, 0.09)
            neckline = Neckline(
                width=0.066,
                front=0.03,
                back=0.02,
                notch_bottom=bottom,
                notch_slope=between(rng, 0.35, 0.7),
                notch_gap=0.0,
            )
        case "boat":
            neckline = Neckline(width=between(rng, 0.09, 0.125), front=between(rng, 0.03, 0.05), back=0.02)
        case "turtleneck":
            neckline = dataclasses.replace(neckline, collar_height=between(rng, 0.03, 0.062))
        case "tank":
            neckline = Neckline(
                width=between(rng, 0.07, 0.095), front=between(rng, 0.06, 0.11), back=between(rng, 0.03, 0.08)
            )
            sleeve, loose = between(rng, 0.160, 0.18), 0.3 * loose
        case "shirt" | "polo":
            neckline = Neckline(width=0.057, front=0.008, back=0.004)
            if chance(rng, 0.5):  # the topmost buttons are open
                bottom = between(rng, 0.05, 0.11)
                neckline = dataclasses.replace(
                    neckline, notch_bottom=bottom, notch_slope=between(rng, 0.25, 0.55), notch_gap=0.0
                )
            elif kind == "shirt" and chance(rng, 0.5):
                collars = (Tie(width=between(rng, 0.04, 0.085), bottom=between(rng, -0.3, -0.2)),)
            collars = (
                ShirtCollar(
                    stand=between(rng, 0.016, 0.028), fall=between(rng, 0.028, 0.045), spread=between(rng, 0.2, 0.9)
                ),
                *collars,
            )
            row = Buttons(count=7 if kind == "shirt" else 2, radius=between(rng, 0.004, 0.0065))
            if kind == "polo":
                sleeve = between(rng, 0.26, 0.36)
        case "hoodie":
            collars = (Hood(size=between(rng, 0.03, 0.048), depth=between(rng, 0.01, 0.04)),)
            thickness, loose, sleeve = between(rng, 0.008, 0.013), between(rng, 0.01, 0.025), between(rng, 0.6, 0.642)
    garment = Garment(
        neckline=neckline,
        sleeve=sleeve,
        hem=between(rng, -0.46, -0.33),
        thickness=thickness,
        loose=loose,
        folds=between(rng, 0.1, 0.8),
        flare=between(rng, 0.001, 0.006) + 0.25 * loose,
        seed=int(rng.integers(LAST_SEED)),
    )
    return garment, collars, row


def jacket(rng: np.random.Generator) -> tuple[Garment | None, tuple[Lapel | Hood, ...]]:
    """Something open over the shirt, for one in four."""
    if not chance(rng, 0.25):
        return None, ()
    kind = one_of(rng, blazer=3, cardigan=2, vest=1, zipped=1)
    bottom = between(rng, -0.2, 0.0)
    slope = between(rng, 0.18, 0.32)
    gap = between(rng, -0.004, 0.05) if kind != "blazer" or chance(rng, 0.4) else -0.01
    neckline = Neckline(width=0.070, front=0.03, back=0.012, notch_bottom=bottom, notch_slope=slope, notch_gap=gap)
    thickness = between(rng, 0.005, 0.012)
    garment = Garment(
        neckline=neckline,
        sleeve=between(rng, 0.16, 0.175) if kind == "vest" else between(rng, 0.58, 0.636),
        hem=between(rng, -0.5, -0.36),
        thickness=thickness,
        loose=between(rng, 0.004, 0.02),
        folds=between(rng, 0.05, 0.35),
        flare=between(rng, 0.003, 0.008),
        seed=int(rng.integers(LAST_SEED)),
    )
    match kind:
        case "blazer":
            return garment, (Lapel(width=between(rng, 0.04, 0.075), stand=between(rng, 0.018, 0.03)),)
        case "zipped":
            return garment, (Hood(size=between(rng, 0.02, 0.032), depth=between(rng, 0.0, 0.03), of="jacket"),)
        case _:
            return garment, ()
