"""Drawing what somebody wears."""

import numpy as np

from data_pipelines.avatars.wear import choose_clothes, choose_hair
from data_pipelines.avatars.wear.draws import between, chance, one_of
from data_pipelines.avatars.wear.styles import (
    Beanie,
    Brimmed,
    Cap,
    Earrings,
    Glasses,
    Hat,
    Headband,
    Headphones,
    Headscarf,
    Held,
    Necklace,
    Scarf,
    Trousers,
    Wear,
)
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.typing import Float


def sample(rng: np.random.Generator, model: BodyModel, betas: Float[np.ndarray, "nb"]) -> Wear:
    """Anything that people wear, of wide variety; only beards and a few customs go with the sex of the body."""
    male = float(betas[model.shape_names.index("male")]) if "male" in model.shape_names else 0.0
    manly = float(1.0 / (1.0 + np.exp(-2.0 * male)))
    shirt, collars, row = choose_clothes.shirt(rng)
    jacket, over = choose_clothes.jacket(rng)
    hair, hat = choose_hair.hair(rng, manly), _hat(rng, manly)
    if isinstance(hat, Headband) and not (hair.gather or max(hair.top, hair.side) < 0.06):
        hat = None  # a band would drown in loose hair
    scarf = Scarf(roll=between(rng, 0.014, 0.026), ends=between(rng, 0.15, 0.35) * chance(rng, 0.6))
    scarves = (scarf,) if chance(rng, 0.07) else ()
    bearded = chance(rng, 0.45 * manly**2) and not isinstance(hat, Headscarf)
    jewelled = chance(rng, 0.4 - 0.3 * manly) and not isinstance(hat, Headscarf | Headphones)
    return Wear(
        shirt=shirt,
        jacket=jacket,
        trousers=Trousers(waist=-0.285, leg=between(rng, -1.1, -0.7), thickness=between(rng, 0.004, 0.008)),
        hair=hair,
        beard=choose_hair.beard(rng) if bearded else None,
        hat=hat,
        glasses=_glasses(rng) if chance(rng, 0.3) else None,
        earrings=_earrings(rng) if jewelled else None,
        necklace=_necklace(rng) if chance(rng, 0.18) and not (collars or scarves) else None,
        buttons=row,
        held=_held(rng) if chance(rng, 0.12) else None,
        lashes=between(rng, 0.002, 0.006),
        collars=(*collars, *over, *scarves),
    )


def _hat(rng: np.random.Generator, manly: float) -> Hat | None:
    """A hat for one in five."""
    if not chance(rng, 0.2):
        return None
    match one_of(rng, beanie=1, cap=1.2, brimmed=0.9, headscarf=1.6 * (1 - manly), headband=0.8, headphones=0.8):
        case "beanie":
            cuff = between(rng, 0.02, 0.045)
            return Beanie(
                line=between(rng, 0.375, 0.392),
                thickness=between(rng, 0.008, 0.012),
                cuff=cuff,
                slack=between(rng, 0.0, 0.03),
            )
        case "cap":
            turn = float(np.pi) if chance(rng, 0.15) else between(rng, -0.15, 0.15)
            return Cap(
                line=between(rng, 0.383, 0.397),
                thickness=between(rng, 0.008, 0.014),
                visor=between(rng, 0.055, 0.08),
                turn=turn,
            )
        case "brimmed":
            return Brimmed(
                line=between(rng, 0.383, 0.395),
                brim=between(rng, 0.035, 0.085),
                droop=between(rng, -0.01, 0.02),
                height=between(rng, 0.03, 0.06),
                dent=between(rng, 0.0, 0.02),
            )
        case "headscarf":
            return Headscarf(
                thickness=between(rng, 0.009, 0.014), hem=between(rng, 0.0, 0.1), tight=between(rng, 0.15, 0.45)
            )
        case "headband":
            return Headband(line=between(rng, 0.393, 0.41), width=between(rng, 0.012, 0.04))
        case _:
            return Headphones(cup=between(rng, 0.028, 0.04), bow=between(rng, 0.006, 0.012))


def _glasses(rng: np.random.Generator) -> Glasses:
    return Glasses(
        width=between(rng, 0.022, 0.030),
        height=between(rng, 0.014, 0.025),
        square=between(rng, 2.0, 4.5),
        slant=between(rng, -0.05, 0.16),
        thickness=between(rng, 0.0007, 0.0024),
        drop=between(rng, 0.0, 0.006),
    )


def _earrings(rng: np.random.Generator) -> Earrings:
    match one_of(rng, stud=1, hoop=1, drop=1):
        case "stud":
            return Earrings(ring=0.0, ball=between(rng, 0.002, 0.004), drop=0.0)
        case "hoop":
            return Earrings(ring=between(rng, 0.006, 0.024), ball=0.0, drop=0.0)
        case _:
            return Earrings(ring=0.0, ball=between(rng, 0.003, 0.006), drop=between(rng, 0.012, 0.04))


def _necklace(rng: np.random.Generator) -> Necklace:
    return Necklace(
        depth=between(rng, 0.0, 0.12),
        thickness=between(rng, 0.0008, 0.004),
        pendant=between(rng, 0.004, 0.011) * chance(rng, 0.6),
    )


def _held(rng: np.random.Generator) -> Held:
    hand = "left" if chance(rng, 0.4) else "right"
    tilt = between(rng, -0.3, 0.3)
    match one_of(rng, cup=1, phone=1, pen=1, book=0.7, microphone=0.9, ball=0.6):
        case "cup":
            r, h = between(rng, 0.030, 0.040), between(rng, 0.035, 0.055)
            inner = ((0.0, -h + 0.01), (0.9 * r, -h + 0.012), (0.93 * r, h))
            return Held(hand=hand, profile=(*inner, (r, h), (0.92 * r, 0.0), (0.85 * r, -h), (0.0, -h)), tilt=tilt)
        case "phone":
            return Held(hand=hand, box=(0.037, 0.075, 0.0045), tilt=tilt)
        case "pen":
            r, h = between(rng, 0.004, 0.006), between(rng, 0.065, 0.08)
            return Held(hand=hand, profile=((0.0, h), (r, h), (r, -h + 0.015), (0.3 * r, -h), (0.0, -h)), tilt=tilt)
        case "book":
            return Held(
                hand=hand,
                box=(between(rng, 0.055, 0.08), between(rng, 0.08, 0.11), between(rng, 0.007, 0.018)),
                tilt=tilt,
            )
        case "microphone":
            head = ((0.0, 0.105), (0.018, 0.098), (0.025, 0.08), (0.018, 0.06))
            return Held(hand=hand, profile=(*head, (0.013, 0.055), (0.011, -0.09), (0.0, -0.09)), tilt=tilt)
        case _:
            r = between(rng, 0.028, 0.045)
            angle = np.linspace(0.0, np.pi, 9)
            return Held(hand=hand, profile=tuple((float(r * np.sin(a)), float(r * np.cos(a))) for a in angle))
