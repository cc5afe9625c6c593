"""What people put on their heads: beanies, caps, hats with brims, headbands, headphones; all follow the head alone."""

import numpy as np

from data_pipelines.avatars.wear import solids
from data_pipelines.avatars.wear.figure import Figure
from data_pipelines.avatars.wear.headgear import Envelope, envelope
from data_pipelines.avatars.wear.pieces import Free, grid_faces, rigid
from data_pipelines.avatars.wear.styles import Beanie, Brimmed, Cap, Hat, Headband, Headphones, Headscarf

_BACK_DROP = 0.045  # metres that hats reach lower behind than in front


def line_height(figure: Figure, line: float) -> np.ndarray:
    """How high every vertex of the body is over the edge of a hat worn at `line`, in the template."""
    template = figure.anatomy.template
    return template[:, 1] - line + _BACK_DROP * np.clip((0.12 - template[:, 2]) / 0.17, 0.0, 1.0)


def pressed(figure: Figure, hat: Hat | None) -> np.ndarray:
    """0..1 of every vertex of the body: how far the hat presses the hair down there."""
    match hat:
        case Beanie() | Cap() | Brimmed():
            return np.clip(line_height(figure, hat.line) / 0.012 + 0.8, 0.0, 1.0)
        case Headscarf():
            return (figure.anatomy.template[:, 1] > 0.2).astype(float)
        case Headband():
            return np.exp(-((line_height(figure, hat.line) / hat.width) ** 4))
        case Headphones():
            template = figure.anatomy.template
            return np.exp(-((template[:, 2] - 0.03) ** 2) / 0.015**2) * (template[:, 1] > 0.33)
        case _:
            return np.zeros(len(figure.rest))


def worn(figure: Figure, hat: Hat, hair: np.ndarray) -> list[Free]:
    """The pieces of a hat over hair that stands `hair` [v] metres off the skin."""
    match hat:
        case Beanie():
            return [_beanie(figure, hat, envelope(figure, hair, ears=False))]
        case Cap():
            return _cap(figure, hat, envelope(figure, hair, ears=False))
        case Brimmed():
            return _brimmed(figure, hat, envelope(figure, hair, ears=False))
        case Headband():
            return [_headband(figure, hat, envelope(figure, hair, ears=False))]
        case Headphones():
            return _headphones(figure, hat, envelope(figure, hair, ears=True))
        case _:
            return []


def _edge(figure: Figure, head: Envelope, line: float) -> np.ndarray:
    """Height of a hat's edge at the envelope's angles, in this identity."""
    moved = figure.points[0:10, 1].mean() - 0.343  # brows against the template's
    return line + moved - _BACK_DROP * (1 - np.cos(head.angle)) / 2


def _beanie(figure: Figure, hat: Beanie, head: Envelope) -> Free:
    edge = _edge(figure, head, hat.line)
    rows = 12
    down = np.linspace(0.0, 1.0, rows)[:, None]
    behind = (1 - np.cos(head.angle)) / 2
    slack = hat.slack * (1 - down**2) * (0.4 + 0.6 * behind * down + 0.3 * (1 - down))
    crown = head.down_to(edge + hat.cuff, rows, hat.thickness + slack)
    ribs = 0.0012 * np.cos(np.arange(len(head.angle)) * np.pi)
    cuff = [
        head.down_to(edge + hat.cuff, 2, hat.thickness + 0.001)[1:],
        head.down_to(edge + hat.cuff, 2, hat.thickness + 0.005 + ribs)[1:],
        head.down_to(edge + 0.5 * hat.cuff, 2, hat.thickness + 0.006 + ribs)[1:],
        head.down_to(edge, 2, hat.thickness + 0.004 + ribs)[1:],
        head.down_to(edge, 2, -0.004)[1:],
    ]
    return _round("hat", np.concatenate([crown, *cuff]))


def _cap(figure: Figure, hat: Cap, head: Envelope) -> list[Free]:
    edge = _edge(figure, head, hat.line)
    rows = 11
    crown = head.down_to(edge, rows, hat.thickness + 0.004 * np.linspace(1, 0, rows)[:, None])
    rim = head.down_to(edge, 2, -0.004)[1:]
    crown = np.concatenate([crown, crown[-1:], rim])
    ahead = np.linspace(-1.05, 1.05, 15)
    turned = ahead + hat.turn
    at = (turned / (2 * np.pi) * len(head.angle)) % len(head.angle)
    low = np.floor(at).astype(int)
    share = (at - low)[:, None]
    base = (1 - share) * crown[rows - 1, low] + share * crown[rows - 1, (low + 1) % len(head.angle)]
    out = np.linspace(0.0, 1.0, 6)[:, None]
    reach = hat.visor * np.sqrt(np.clip(1 - (ahead / 1.06) ** 2, 0.0, 1.0)) * out
    straight = np.array([np.sin(hat.turn), 0.0, np.cos(hat.turn)])
    visor = base + reach[..., None] * straight
    visor[..., 1] -= 0.22 * reach + 0.012 * out * (ahead / 1.05) ** 2
    visor = np.concatenate([visor, visor[-1:] - (0.0, 0.003, 0.0)])
    return [_round("hat", crown), _sheet("hat", visor)]


def _brimmed(figure: Figure, hat: Brimmed, head: Envelope) -> list[Free]:
    edge = _edge(figure, head, hat.line)
    ring = head.down_to(edge, 2, 0.006)[1]
    top = head.points()[0, 0, 1] + hat.height
    middle = ring.mean(axis=0)
    rows = []
    for size, level in (
        (0.02, 0.985),
        (0.35, 0.985),
        (0.62, 1.0),
        (0.80, 0.99),
        (0.90, 0.94),
        (0.96, 0.7),
        (1.0, 0.35),
    ):
        row = middle + (ring - middle) * size
        row[:, 1] = ring[:, 1] + (top - ring[:, 1]) * level
        dent = hat.dent * np.exp(-((row[:, 0] / 0.03) ** 2)) * (level > 0.9)
        row[:, 1] -= dent
        rows.append(row)
    # The crown must clear the head beneath it.
    clear = head.points(0.006)[..., 1].max()
    for row in rows[:4]:
        row[:, 1] = np.maximum(row[:, 1], clear)
    crown = np.stack([*rows, ring])
    away = ring - middle
    away[:, 1] = 0
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    brim = []
    for out in (0.0, 0.3, 0.65, 1.0):
        row = ring + away * hat.brim * out
        sides = np.abs(np.sin(head.angle)) ** 2
        row[:, 1] += -hat.droop * out**2 * (1 - sides) + 0.4 * hat.brim * sides * out**2 * (hat.droop > 0) * 0.5
        brim.append(row)
    brim = np.stack([*brim, brim[-1] - (0.0, 0.004, 0.0)])
    under = np.stack([ring - (0.0, 0.001, 0.0), head.down_to(edge, 2, -0.004)[1]])
    return [_round("hat", crown), _round("hat", brim, back=True), _round("hat", under)]


def _headband(figure: Figure, hat: Headband, head: Envelope) -> Free:
    edge = _edge(figure, head, hat.line)
    rows = [
        head.down_to(edge + hat.width / 2, 2, -0.003)[1],
        head.down_to(edge + hat.width / 2, 2, 0.004)[1],
        head.down_to(edge, 2, 0.0055)[1],
        head.down_to(edge - hat.width / 2, 2, 0.004)[1],
        head.down_to(edge - hat.width / 2, 2, -0.003)[1],
    ]
    return _round("hat", np.stack(rows))


def _headphones(figure: Figure, hat: Headphones, head: Envelope) -> list[Free]:
    ears = figure.rest[figure.anatomy.vertices_of("ears")]
    left = ears[ears[:, 0] > 0]
    hub = np.array([left[:, 0].max() + 0.004, (left[:, 1].max() + left[:, 1].min()) / 2, left[:, 2].mean() - 0.004])
    lean = np.linspace(-np.pi / 2, np.pi / 2, 25)
    top = head.points()[0, 0, 1] + 0.012
    width = hub[0] + 0.012
    bow = np.stack([width * np.sin(lean), hub[1] + (top - hub[1]) * np.cos(lean), hub[2] - 0.02 * np.cos(lean)], axis=1)
    # Over the head the bow keeps off the hair.
    crest = head.points(0.008)[:, [9, 27]]
    inner = np.interp(bow[:, 1], crest[::-1, 0, 1], np.abs(crest[::-1, 0, 0]))
    bow[:, 0] = np.sign(bow[:, 0]) * np.maximum(np.abs(bow[:, 0]), np.where(bow[:, 1] < top - 0.01, inner, 0.0))
    meshes = [solids.tube(bow, hat.bow, sides=8, flat=0.5)]
    cup = [
        (0.0, 0.022),
        (0.7 * hat.cup, 0.022),
        (hat.cup, 0.014),
        (hat.cup, 0.0),
        (0.9 * hat.cup, -0.012),
        (0.5 * hat.cup, -0.012),
    ]
    for side in (1.0, -1.0):
        turn = np.array([[0.0, side, 0.0], [-side, 0.0, 0.0], [0.0, 0.0, 1.0]])
        meshes.append(solids.moved(solids.revolved(cup, 18), turn, hub * (side, 1.0, 1.0)))
    return [_rigid("hat", *solids.joined(meshes))]


def _round(material: str, grid: np.ndarray, back: bool = False) -> Free:
    rows, columns, _ = grid.shape
    return _rigid(material, grid.reshape(-1, 3), grid_faces(rows, columns, closed=True), back)


def _sheet(material: str, grid: np.ndarray) -> Free:
    rows, columns, _ = grid.shape
    return _rigid(material, grid.reshape(-1, 3), grid_faces(rows, columns), back=True)


def _rigid(material: str, vertices: np.ndarray, faces: np.ndarray, back: bool = False) -> Free:
    joints, weights = rigid("head", len(vertices))
    return Free(material=material, position=vertices, joints=joints, weights=weights, faces=faces, back=back)
