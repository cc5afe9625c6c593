"""What lies around the neck: shirt collars, hoods, lapels, ties, scarves, necklaces, and buttons."""

import numpy as np

from data_pipelines.avatars.wear import solids
from data_pipelines.avatars.wear.garments import NECK_BASE
from data_pipelines.avatars.wear.outside import Outside
from data_pipelines.avatars.wear.pieces import Free, grid_faces
from data_pipelines.avatars.wear.styles import (
    Buttons,
    Garment,
    Hood,
    Lapel,
    Necklace,
    Scarf,
    ShirtCollar,
    Tie,
)
from vlogger_jax.body import names


def shirt_collar(outside: Outside, collar: ShirtCollar, behind: float) -> Free:
    """A stand around the neck, folded over into a fall with two points in front; `behind` it falls that far."""
    angle = np.linspace(0.10, 2 * np.pi - 0.10, 41)
    base = _base(outside, angle)
    in_front = np.exp(-((1 - np.cos(angle)) / 0.12))
    top = base + collar.stand * (1 - 0.35 * in_front)
    fall = behind + (1.45 * collar.fall - behind) * in_front
    # The points in front spread to the sides as they fall.
    side = np.sign(np.pi - angle) * collar.spread * in_front * 0.5
    rows = [
        outside.around(angle, base - 0.004, 0.004),
        outside.around(angle, base + 0.6 * (top - base), 0.006),
        outside.around(angle, top, 0.008),
        outside.around(angle, top + 0.001, 0.0115),
    ]
    for down, off in ((0.35, 0.013), (0.7, 0.014), (1.0, 0.013)):
        away = outside.around(angle + side * down, top - fall * down, off)
        # Below the neck's base the surface turns outwards; the fall leaves it at no more than a steep slope.
        ring = outside.around(angle + side * down, np.maximum(top - fall * down, base + 0.004), off)
        out = away[:, [0, 2]] - outside.axis
        limit = (
            np.linalg.norm(ring[:, [0, 2]] - outside.axis, axis=1)
            + 0.004
            + 0.5 * np.maximum(base - top + fall * down, 0)
        )
        radius = np.linalg.norm(out, axis=1)
        away[:, [0, 2]] = outside.axis + out * (np.minimum(radius, limit) / radius)[:, None]
        rows.append(away)
    grid = np.stack(rows)
    grid[4:] = _outside_of(outside, grid[4:], 0.004)
    return _sheet(outside, "collar", grid)


def hood(outside: Outside, hood: Hood) -> Free:
    """A roll of cloth behind the neck that lies on the shoulders and runs out in front."""
    angle = np.linspace(0.12, 2 * np.pi - 0.12, 33)
    behind = (1 - np.cos(angle)) / 2
    size = hood.size * (0.12 + 0.88 * behind**0.8)
    height = _base(outside, angle) - 0.012 * (1 - behind) + 0.3 * size * behind
    path = outside.around(angle, height, 0.004 + 0.9 * size)
    path = _outside_of(outside, path, 0.5 * size)
    path[:, 1] -= hood.depth * behind**4
    vertices, faces = solids.tube(path, size, sides=10, flat=0.75)
    return _free(outside, hood.of, vertices, faces)


def raised(outside: Outside, pieces: list[Free], outermost: np.ndarray) -> np.ndarray:
    """`outermost` [v] with what `pieces` add to it, for what lies over them."""
    found = outermost.copy()
    for piece in pieces:
        _, index = outside.tree.query(piece.position)
        vertex = outside.vertices[index]
        height = ((piece.position - outside.figure.rest[vertex]) * outside.figure.normals[vertex]).sum(axis=1)
        np.maximum.at(found, vertex, np.clip(height, 0.0, 0.09))
    links = outside.figure.anatomy.neighbours
    for _ in range(2):  # to the vertices around, and half as much to theirs
        found = np.maximum(found, links @ found)
    return found


def lapels(outside: Outside, jacket: Garment, lapel: Lapel) -> list[Free]:
    """From the collar behind the neck down both sides of the opening to its end."""
    neckline = jacket.neckline
    found = []
    bottom = max(neckline.notch_bottom, jacket.hem + 0.02)
    height = np.linspace(NECK_BASE - 0.03, bottom, 16)
    half = np.maximum(
        neckline.notch_gap + neckline.notch_slope * np.maximum(height - neckline.notch_bottom, 0.0), 0.004
    )
    along = np.linspace(0.0, 1.0, 16)
    wide = lapel.width * np.minimum(1.0, 0.55 + 2.0 * along) * np.minimum(1.0, 1.6 * (1 - along) + 0.05)
    for side in (1.0, -1.0):
        across = np.linspace(0.0, 1.0, 5)
        x = side * (half[:, None] + wide[:, None] * across)
        y = height[:, None] + 0.35 * wide[:, None] * across * (along[:, None] < 0.6) * np.exp(-8 * along[:, None])
        off = 0.003 + 0.004 * np.sin(np.pi * across) + 0 * x
        off[:, 0] = -0.002
        grid = outside.front(x, y, off)
        found.append(_sheet(outside, "jacket", grid if side > 0 else grid[:, ::-1]))
    angle = np.linspace(0.75, 2 * np.pi - 0.75, 31)
    base = _base(outside, angle)
    behind = (1 - np.cos(angle)) / 2
    rows = [
        outside.around(angle, base + 0.2 * lapel.stand, 0.009),
        outside.around(angle, base + lapel.stand * behind, 0.011),
        outside.around(angle, base + (lapel.stand + 0.001) * behind, 0.016),
        _outside_of(outside, outside.around(angle, base - 0.3 * lapel.stand, 0.016), 0.006),
        _outside_of(outside, outside.around(angle, base - 0.9 * lapel.stand, 0.02), 0.004),
    ]
    found.append(_sheet(outside, "jacket", np.stack(rows)))
    return found


def tie(outside: Outside, tie: Tie) -> Free:
    """A knot at the throat and a blade down to `tie.bottom`, over the shirt."""
    top = float(_base(outside, np.zeros(1))[0]) - 0.002
    height = np.array(
        [top, top - 0.012, top - 0.03, top - 0.034, *np.linspace(top - 0.06, tie.bottom, 8), tie.bottom - 0.035]
    )
    fall = np.clip((top - 0.034 - height) / (top - 0.034 - tie.bottom), 0.0, 1.0)
    half = np.concatenate([[0.015, 0.019, 0.012, 0.012], tie.width / 2 * (0.35 + 0.65 * fall[4:-1]), [0.001]])
    across = np.array([-1.0, -0.6, 0.0, 0.6, 1.0])
    bulge = np.concatenate([[0.010, 0.014, 0.011], np.full(len(height) - 3, 0.005)])
    x = half[:, None] * across
    off = 0.003 + bulge[:, None] * (1 - 0.8 * across**2)
    grid = outside.front(x, np.broadcast_to(height[:, None], x.shape), off)
    return _sheet(outside, "scarf", grid)


def scarf(outside: Outside, scarf: Scarf) -> list[Free]:
    """A roll around the neck, and two ends down the chest."""
    angle = np.linspace(0.0, 2 * np.pi, 29)[:-1]
    roll = scarf.roll * (1 + 0.18 * np.sin(3 * angle + 1.0) + 0.1 * np.sin(7 * angle))
    height = _base(outside, angle) + 0.55 * scarf.roll + 0.006 * np.sin(2 * angle)
    path = _outside_of(outside, outside.around(angle, height, 0.75 * roll), 0.5 * roll)
    vertices, faces = solids.tube(path, roll, sides=8, closed=True, flat=1.1)
    found = [_free(outside, "scarf", vertices, faces)]
    if scarf.ends > 0:
        top = float(height.min()) - 0.01
        for middle, long in ((0.028, scarf.ends), (-0.022, 0.85 * scarf.ends)):
            down = np.linspace(top, top - long, 9)
            x = middle * (1 + 0.6 * np.linspace(0, 1, 9)[:, None]) + np.linspace(-0.03, 0.03, 5)
            off = 0.006 + 0.004 * np.cos(np.linspace(-9, 9, 5)) + 0 * x
            off += 0.012 * np.exp(-np.arange(9) / 1.5)[:, None]
            found.append(_sheet(outside, "scarf", outside.front(x, np.broadcast_to(down[:, None], x.shape), off)))
    return found


def necklace(outside: Outside, chain: Necklace) -> Free:
    """A chain around the neck, down over the chest, with a pendant in front."""
    angle = np.linspace(0.0, 2 * np.pi, 49)[:-1]
    ahead = np.clip(np.cos(angle), 0.0, 1.0)
    base = _base(outside, angle)
    ring = outside.around(angle, base, chain.thickness)
    drop = chain.depth * ahead**1.5
    chest = outside.front(ring[:, 0] * (1 - 0.25 * ahead), base - drop, chain.thickness)
    share = np.clip(3 * ahead, 0.0, 1.0)[:, None]
    path = (1 - share) * ring + share * chest
    meshes = [solids.tube(path, chain.thickness, sides=4, closed=True)]
    if chain.pendant > 0:
        meshes.append(solids.moved(solids.ball(chain.pendant), np.eye(3), path[0] + (0.0, -0.8 * chain.pendant, 0.0)))
    return _free(outside, "jewel", *solids.joined(meshes))


def buttons(outside: Outside, shirt: Garment, row: Buttons) -> Free:
    """A row of buttons down the front."""
    top = NECK_BASE - shirt.neckline.front - 0.02
    if shirt.neckline.notch_slope > 0:
        top = min(top, shirt.neckline.notch_bottom - 0.01)
    height = top - 0.075 * np.arange(row.count)
    height = height[height > shirt.hem + 0.03]
    places = outside.front(np.zeros(len(height)), height, 0.0005)
    disc = solids.revolved([(0.0, 0.002), (0.7 * row.radius, 0.002), (row.radius, 0.0)], sides=10)
    upright = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    meshes = [solids.moved(disc, upright, place) for place in places]
    return (
        _free(outside, "jewel", *solids.joined(meshes))
        if meshes
        else _free(outside, "jewel", np.zeros((0, 3)), np.zeros((0, 3), int))
    )


def _base(outside: Outside, angle: np.ndarray) -> np.ndarray:
    """Height of the neck's base at these angles: lower in front than at the sides and behind."""
    template = outside.figure.anatomy.model.joint_template
    moved = float(outside.figure.joint("neck")[1] - template[names.JOINTS.index("neck"), 1])
    return moved + np.interp(np.abs(np.angle(np.exp(1j * angle))), (0.0, 0.5, 1.2, np.pi), (0.146, 0.158, 0.182, 0.190))


def _outside_of(outside: Outside, points: np.ndarray, margin: np.ndarray | float) -> np.ndarray:
    """Points moved out to `margin` metres off the outermost surface."""
    flat = points.reshape(-1, 3)
    distance, index = outside.tree.query(flat, k=4)
    share = 1.0 / (distance + 3e-3) ** 2
    share /= share.sum(axis=1, keepdims=True)
    surface = (outside.points[index] * share[..., None]).sum(axis=1)
    normal = (outside.normals[index] * share[..., None]).sum(axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    height = ((flat - surface) * normal).sum(axis=1)
    wanted = np.broadcast_to(margin, points.shape[:-1]).ravel()
    return (flat + normal * np.maximum(wanted - height, 0.0)[:, None]).reshape(points.shape)


def _sheet(outside: Outside, material: str, grid: np.ndarray) -> Free:
    """A grid of points, rows downwards and columns to the right as seen from outside, visible from both sides."""
    rows, columns, _ = grid.shape
    return _free(outside, material, grid.reshape(-1, 3), grid_faces(rows, columns), back=True)


def _free(outside: Outside, material: str, vertices: np.ndarray, faces: np.ndarray, back: bool = False) -> Free:
    joints, weights = outside.skin(vertices) if len(vertices) else (np.zeros((0, 4), np.int32), np.zeros((0, 4)))
    return Free(material=material, position=vertices, joints=joints, weights=weights, faces=faces, back=back)
