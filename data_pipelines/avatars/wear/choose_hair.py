"""Drawing hair and beards."""

import numpy as np

from data_pipelines.avatars.wear.draws import LAST_SEED, between, chance, one_of
from data_pipelines.avatars.wear.styles import Beard, Hair


def hair(rng: np.random.Generator, manly: float) -> Hair:
    """Hair of the head; `manly` (0..1) shifts how usual a style is, and excludes hardly any."""
    seed, part = int(rng.integers(LAST_SEED)), between(rng, -0.045, 0.045)
    curly = chance(rng, 0.3)
    texture = {"curl": between(rng, 0.003, 0.009), "wave": between(rng, 0.03, 0.07)} if curly else {}
    common = {"parting": part, "mess": between(rng, 0.05, 0.3), "seed": seed, **texture}
    bangs = between(rng, 0.045, 0.07) if chance(rng, 0.3) else 0.0
    long = 1.6 * (1 - manly) + 0.25
    kind = one_of(
        rng,
        **{"bald": 0.4 * manly, "shaved": 0.7 * manly + 0.1, "short": 2.2 * manly + 0.4, "swept": 1.2 * manly + 0.3},
        **{"undercut": 0.8 * manly + 0.1, "afro": 0.7, "curls": 0.7, "bob": long, "straight": 1.4 * long},
        **{"wavy": long, "tail": 0.9 * long, "bun": 0.6 * long, "receding": 0.9 * manly},
    )
    match kind:
        case "bald":
            return Hair(top=0.0, side=0.0)
        case "shaved":
            most = between(rng, 0.002, 0.007)
            return Hair(top=most, side=most, receding=between(rng, 0.0, 0.03), seed=seed)
        case "short":
            top = between(rng, 0.02, 0.055)
            return Hair(
                top=top, side=top * between(rng, 0.3, 1.0), fringe=bangs * 0.7, lift=between(rng, 0.05, 0.5), **common
            )
        case "swept":
            return Hair(
                top=between(rng, 0.05, 0.10),
                side=between(rng, 0.012, 0.03),
                sweep=between(rng, 0.5, 1.0),
                lift=between(rng, 0.1, 0.4),
                **common,
            )
        case "undercut":
            return Hair(
                top=between(rng, 0.05, 0.11),
                side=0.004,
                sweep=between(rng, -0.3, 0.9),
                lift=between(rng, 0.1, 0.4),
                **common,
            )
        case "receding":
            top = between(rng, 0.012, 0.04)
            back = between(rng, 0.015, 0.04)
            return Hair(
                top=top, side=between(rng, 0.012, 0.03), receding=back, hairline=0.4 * back, sweep=0.5, **common
            )
        case "afro":
            size = between(rng, 0.035, 0.10)
            common |= {"curl": between(rng, 0.004, 0.008), "wave": between(rng, 0.015, 0.03)}
            return Hair(
                top=size, side=size * between(rng, 0.5, 1.0), lift=between(rng, 0.85, 1.0), width=0.009, **common
            )
        case "curls":
            size = between(rng, 0.08, 0.26)
            common |= {"curl": between(rng, 0.008, 0.014), "wave": between(rng, 0.04, 0.07)}
            return Hair(
                top=size, side=size * between(rng, 0.7, 1.0), lift=between(rng, 0.2, 0.45), width=0.011, **common
            )
        case "bob":
            size = between(rng, 0.15, 0.24)
            return Hair(
                top=size, side=size * between(rng, 0.6, 0.75), fringe=bangs, width=between(rng, 0.012, 0.018), **common
            )
        case "straight":
            size = between(rng, 0.30, 0.52)
            common |= {"curl": 0.0}
            return Hair(top=size, side=size * 0.85, fringe=bangs, width=between(rng, 0.014, 0.021), **common)
        case "wavy":
            size = between(rng, 0.26, 0.48)
            common |= {"curl": between(rng, 0.006, 0.014), "wave": between(rng, 0.08, 0.16)}
            return Hair(top=size, side=size * 0.85, fringe=bangs, lift=0.12, width=between(rng, 0.014, 0.021), **common)
        case "tail":
            size = between(rng, 0.28, 0.5)
            knot = between(rng, 0.30, 0.41)
            return Hair(top=size, side=size, fringe=bangs, gather=1.0, knot=knot, width=0.011, **common)
        case _:
            return Hair(
                top=0.25,
                side=0.25,
                fringe=bangs,
                gather=1.0,
                knot=between(rng, 0.31, 0.43),
                bun=1.0,
                width=0.011,
                **common,
            )


def beard(rng: np.random.Generator) -> Beard:
    """Hair of the face."""
    kind = one_of(rng, stubble=2, full=3, goatee=1.5, moustache=1, long=1)
    seed = int(rng.integers(LAST_SEED))
    match kind:
        case "stubble":
            most = between(rng, 0.0015, 0.003)
            return Beard(chin=most, cheeks=most, moustache=most, seed=seed)
        case "full":
            most = between(rng, 0.005, 0.016)
            return Beard(
                chin=most, cheeks=most * between(rng, 0.4, 0.9), moustache=between(rng, 0.004, 0.008), seed=seed
            )
        case "goatee":
            return Beard(chin=between(rng, 0.006, 0.016), cheeks=0.0, moustache=between(rng, 0.0, 0.008), seed=seed)
        case "moustache":
            return Beard(chin=0.0, cheeks=0.0, moustache=between(rng, 0.004, 0.010), seed=seed)
        case _:
            most = between(rng, 0.010, 0.02)
            hanging = between(rng, 0.03, 0.10)
            return Beard(chin=most, cheeks=0.7 * most, moustache=between(rng, 0.005, 0.009), hanging=hanging, seed=seed)
