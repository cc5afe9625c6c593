"""Everything that somebody wears, piece by piece."""

import dataclasses

import numpy as np

from data_pipelines.avatars.wear import (
    beard,
    collar,
    garments,
    glasses,
    hair,
    hats,
    headscarf,
    held,
    jewels,
    lashes,
    outside,
)
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.pieces import Pieces
from data_pipelines.avatars.wear.styles import Headscarf, Hood, Lapel, Scarf, ShirtCollar, Tie, Wear


def together(figure: Figure, wear: Wear, rng: np.random.Generator) -> Pieces:
    """All pieces of `wear` on `figure`."""
    pieces = Pieces()
    shells, under, outermost = garments.worn(figure, wear.shirt, wear.jacket, wear.trousers)
    pieces.add(*shells)
    outermost = _about_the_neck(figure, wear, under, outermost, pieces)
    flat = hats.pressed(figure, wear.hat)
    style = wear.hair
    if isinstance(wear.hat, Headscarf):
        style = dataclasses.replace(style, top=0.0, side=0.0)
    grown, thick = hair.grown(figure, style, flat, outermost, rng)
    pieces.add(*grown.shells, *grown.free)
    if isinstance(wear.hat, Headscarf):
        pieces.add(headscarf.worn(figure, wear.hat, outermost))
    elif wear.hat is not None:
        pieces.add(*hats.worn(figure, wear.hat, thick))
    if wear.beard is not None:
        whiskers = beard.grown(figure, wear.beard, rng)
        pieces.add(*whiskers.shells, *whiskers.free)
    if wear.glasses is not None:
        pieces.add(glasses.worn(figure, wear.glasses))
    if wear.earrings is not None:
        pieces.add(jewels.earrings(figure, wear.earrings))
    if wear.held is not None:
        pieces.add(held.worn(figure, wear.held))
    pieces.add(lashes.grown(figure, wear.lashes))
    return pieces


def _about_the_neck(figure: Figure, wear: Wear, under: np.ndarray, outermost: np.ndarray, pieces: Pieces) -> np.ndarray:
    """Adds what lies around the neck; how far the outermost of everything is off every vertex."""
    shirt, over = outside.of(figure, under), outside.of(figure, outermost)
    found = []
    for piece in wear.collars:
        match piece:
            case ShirtCollar():
                covered = wear.jacket is not None  # what a jacket covers ends above it
                behind = min(piece.fall, piece.stand + 0.004) if covered else piece.fall
                found.append(collar.shirt_collar(shirt, piece, behind))
            case Tie():
                found.append(collar.tie(shirt, piece))
            case Hood():
                found.append(collar.hood(over, piece))
            case Scarf():
                found += collar.scarf(over, piece)
            case Lapel() if wear.jacket is not None:
                found += collar.lapels(over, wear.jacket, piece)
    if wear.necklace is not None:
        found.append(collar.necklace(shirt, wear.necklace))
    if wear.buttons is not None:
        found.append(collar.buttons(shirt, wear.shirt, wear.buttons))
    pieces.add(*found)
    return collar.raised(over, found, outermost)
