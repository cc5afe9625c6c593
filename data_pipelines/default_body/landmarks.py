"""Places on the mesh: iBUG's 68 face points, MediaPipe's 478, fingertips and the other vertices SMPL-X reports.

Face points come from MediaPipe looking at pictures of the mesh: what it sees at a pixel is a point of a face of the
mesh. The mesh is symmetric, so the right side is taken and mirrored. The mouth is open a little in the picture for
the lips, so that upper and lower are told apart.
"""

from dataclasses import dataclass

import numpy as np

from data_pipelines.default_body.shading import render
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, raster
from vlogger_jax.core.records import Camera
from vlogger_jax.core.typing import Array, Float, Int

IBUG_STATIC = (  # MediaPipe points whose mean is iBUG 17..67
    *((70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,)),
    *((168, 6), (197, 195), (5,), (4,), (75,), (97,), (2,), (326,), (305,)),
    *((33,), (160,), (158,), (133,), (153,), (144,), (362,), (385,), (387,), (263,), (373,), (380,)),
    *((61,), (39,), (37,), (0,), (267,), (269,), (291,), (321,), (314,), (17,), (84,), (91,)),
    *((78,), (82,), (13,), (312,), (308,), (317,), (14,), (87,)),
)
IBUG_CONTOUR = (  # the same for iBUG 0..16
    *((127,), (234,), (93,), (132, 58), (58, 172), (136,), (150,), (176,), (152,)),
    *((400,), (379,), (365,), (397, 288), (361,), (323,), (454,), (356,)),
)
LIPS = frozenset(
    (
        *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185),
        *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191),
    )
)
IRISES = frozenset(range(468, 478))
_SIZE = 768
_CONTOUR_REACH = 0.05
"""Metres that the outline may wander from where it lies on a face seen from the front."""


@dataclass(frozen=True)
class Points:
    """Points of faces: face indices [n] and barycentric weights [n, 3]."""

    faces: np.ndarray
    bary: np.ndarray

    def positions(self, mesh_faces: Int[Array, "f 3"], vertices: Float[Array, "v 3"]) -> Float[Array, "*n 3"]:
        """Where the points lie on `vertices`."""
        return (vertices[mesh_faces[self.faces]] * self.bary[..., None]).sum(axis=-2)


@dataclass(frozen=True)
class Head:
    """The mesh at rest and with the mouth a little open, [v, 3] both, with faces [f, 3] and labels [f]."""

    rest: np.ndarray
    open: np.ndarray
    faces: np.ndarray
    labels: np.ndarray


def face_points(head: Head) -> Points:
    """MediaPipe's 478 points on the mesh."""
    lips = _detect(head, head.open, dict.fromkeys(LIPS, ("lips",)))
    skin = ("face skin", "eyelids", "lips", "ears", "neck", "scalp")
    others = _detect(
        head,
        head.rest,
        {index: ("iris", "sclera") if index in IRISES else skin for index in range(478) if index not in LIPS},
    )
    found = {**lips, **others}
    faces, bary = (np.stack([found[index][part] for index in range(478)]) for part in (0, 1))
    return _symmetric(head, Points(faces, bary))


def ibug_static(head: Head, points: Points) -> Points:
    """iBUG 17-67."""
    return _means(head, points, IBUG_STATIC)


def contour(head: Head, points: Points) -> Points:
    """iBUG 0-16 for every yaw of the head: [79, 17].

    On the side that turns away the outline of the face slides over the cheek: it is the point farthest out, in the
    picture, of the curve in which the face meets a plane through the landmark, square to the outline. On the side that
    turns to the viewer the points stay where they are seen from the front.
    """
    places = _means(head, points, IBUG_CONTOUR).positions(head.faces, head.rest)
    outline = np.gradient(places[:, :2], axis=0)
    yaws = -np.deg2rad([*range(40), *range(-1, -40, -1)])
    faces, bary = np.zeros((79, 17), int), np.zeros((79, 17, 3))
    for k in range(17):
        along = np.array([*outline[k] / np.linalg.norm(outline[k]), 0.0])
        outward = np.array([-along[1], along[0], 0.0])
        outward *= np.sign(outward @ (places[k] - places.mean(axis=0)))
        curve = _section(head, places[k], along)
        curve_at = curve.positions(head.faces, head.rest)
        front = np.linalg.norm(curve_at - places[k], axis=1).argmin()
        for row, yaw in enumerate(yaws):
            away = yaw > 0 if k > 8 else yaw < 0 if k < 8 else False
            best = (curve_at @ _about_y(yaw).T @ outward).argmax() if away else front
            faces[row, k], bary[row, k] = curve.faces[best], curve.bary[best]
    return Points(faces, bary)


def vertex_picks(
    head: Head, face: Points, joints: dict[str, np.ndarray], weights: Float[Array, "v 55"]
) -> Int[Array, "21"]:
    """`names.VERTEX_PICKS` on this mesh, [21]."""
    vertices, owner = head.rest, weights.argmax(axis=1)
    at = face.positions(head.faces, vertices)

    def nearest(place: np.ndarray) -> int:
        return int(np.linalg.norm(vertices - place, axis=1).argmin())

    def farthest(joint: str, direction: np.ndarray) -> int:
        members = np.flatnonzero(owner == names.JOINTS.index(joint))
        return int(members[(vertices[members] @ direction).argmax()])

    def pick(name: str) -> int:
        if name == "nose":
            return nearest(at[4])
        side, _, part = name.partition("_")
        out = np.array([1.0 if side == "left" else -1.0, 0.0, 0.0])
        if part == "eye":
            return farthest(name, np.array([0.0, 0.0, 1.0]))
        if part == "ear":
            ears = np.unique(head.faces[head.labels == names.LABELS.index("ears")])
            return int(ears[(vertices[ears] @ out).argmax()])
        if part == "heel":
            return farthest(f"{side}_ankle", np.array([0.0, -0.5, -1.0]))
        if part.endswith("toe"):
            inward = -0.7 if part == "big_toe" else 1.2
            return farthest(f"{side}_foot", np.array([0.0, 0.0, 1.0]) + inward * out)
        return farthest(name + "3", joints[name + "3"] - joints[name + "2"])

    return np.array([pick(name) for name in names.VERTEX_PICKS])


def _detect(head: Head, vertices: np.ndarray, wanted: dict[int, tuple[str, ...]]) -> dict[int, tuple[int, np.ndarray]]:
    """Where the landmarker sees each wanted point, as (face, weights), on the nearest pixel of an allowed label."""
    import mediapipe

    camera = _portrait(head)
    picture = render(vertices, head.faces, _colours(head.labels), camera)
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as detector:
        result = detector.process(picture)
    if not result.multi_face_landmarks:
        raise RuntimeError("MediaPipe found no face in the picture of the mesh")
    places = np.array([(p.x * _SIZE, p.y * _SIZE) for p in result.multi_face_landmarks[0].landmark])
    pixels, depth = cameras.project(camera, vertices.astype(np.float32))
    seen = raster.rasterize(pixels[None], depth[None], head.faces, size=camera.size)
    index, bary = np.asarray(seen.face_index[0]), np.asarray(seen.bary[0])
    label = np.where(index >= 0, head.labels[index], 0)
    found = {}
    for point, allowed in wanted.items():
        rows, columns = np.nonzero(np.isin(label, [names.LABELS.index(name) for name in allowed]))
        distance = np.hypot(columns + 0.5 - places[point, 0], rows + 0.5 - places[point, 1])
        best = distance.argmin()
        found[point] = int(index[rows[best], columns[best]]), bary[rows[best], columns[best]]
    return found


def _portrait(head: Head) -> Camera:
    """A camera 1.2 m in front of the face."""
    face = head.rest[head.faces[head.labels == names.LABELS.index("face skin")]].reshape(-1, 3)
    middle = (face.min(axis=0) + face.max(axis=0)) / 2
    camera = cameras.from_focal(_SIZE * 1.2 / 0.42, (_SIZE, _SIZE))
    translation = np.array([0.0, 0.0, 1.2], np.float32) - np.asarray(camera.rotation) @ middle.astype(np.float32)
    return Camera(
        focal=camera.focal,
        principal=camera.principal,
        rotation=camera.rotation,
        translation=translation.astype(np.float32),
        size=camera.size,
    )


def _colours(labels: np.ndarray) -> np.ndarray:
    colours = np.tile([0.87, 0.68, 0.58], (len(names.LABELS), 1))
    for name, colour in {
        **{"scalp": (0.25, 0.18, 0.14), "sclera": (0.97, 0.97, 0.97), "iris": (0.2, 0.13, 0.1)},
        **{"lips": (0.75, 0.42, 0.41), "mouth cavity": (0.25, 0.08, 0.08), "tongue": (0.7, 0.35, 0.35)},
        **{"upper teeth": (0.95, 0.95, 0.9), "lower teeth": (0.95, 0.95, 0.9)},
    }.items():
        colours[names.LABELS.index(name)] = colour
    return colours[labels]


def _symmetric(head: Head, points: Points) -> Points:
    """The mean of every point and its mirrored counterpart, back on the mesh."""
    flip = np.array([-1.0, 1.0, 1.0])
    places = points.positions(head.faces, head.rest)
    open_places = points.positions(head.faces, head.open)
    distance = np.linalg.norm(open_places[:, None] - (open_places * flip)[None], axis=-1)
    partner = distance.argmin(axis=1)
    label = head.labels[points.faces]
    faces, bary = points.faces.copy(), points.bary.copy()
    for index, other in enumerate(partner):
        if partner[other] == index:
            # In the open mouth, where the lips are apart, so that a point cannot jump from one to the other.
            target = (open_places[index] + open_places[other] * flip) / 2
            faces[index], bary[index] = _nearest_on_faces(head.open, head.faces, head.labels == label[index], target)
    moved = Points(faces, bary).positions(head.faces, head.rest) - places
    if np.linalg.norm(moved, axis=1).max() > 0.006:
        raise RuntimeError(f"a face point is {np.linalg.norm(moved, axis=1).max() * 1000:.1f} mm from its mirror image")
    return Points(faces, bary)


def _means(head: Head, points: Points, groups: tuple[tuple[int, ...], ...]) -> Points:
    places = points.positions(head.faces, head.open)
    found = []
    for group in groups:
        mask = np.isin(head.labels, head.labels[points.faces[list(group)]])
        found.append(_nearest_on_faces(head.open, head.faces, mask, places[list(group)].mean(axis=0)))
    return Points(np.array([face for face, _ in found]), np.stack([bary for _, bary in found]))


def _nearest_on_faces(
    vertices: np.ndarray, faces: np.ndarray, allowed: np.ndarray, target: np.ndarray
) -> tuple[int, np.ndarray]:
    """The point nearest to `target` among the allowed faces, as (face, weights)."""
    candidates = np.flatnonzero(allowed)
    centre = vertices[faces[candidates]].mean(axis=1)
    candidates = candidates[np.argsort(np.linalg.norm(centre - target, axis=1))[:60]]
    best = (np.inf, 0, np.zeros(3))
    for face in candidates:
        weights = _closest_weights(vertices[faces[face]], target)
        distance = np.linalg.norm(weights @ vertices[faces[face]] - target)
        if distance < best[0] - 1e-12:
            best = (distance, int(face), weights)
    return best[1], best[2]


def _closest_weights(triangle: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Barycentric weights of the point of `triangle` nearest to `target`."""
    edges = (triangle[1:] - triangle[0]).T
    uv = np.linalg.lstsq(edges, target - triangle[0], rcond=None)[0]
    weights = np.array([1 - uv.sum(), *uv])
    if (weights >= 0).all():
        return weights
    options = []
    for i, j in ((0, 1), (1, 2), (2, 0)):
        edge = triangle[j] - triangle[i]
        t = np.clip((target - triangle[i]) @ edge / (edge @ edge), 0, 1)
        option = np.zeros(3)
        option[i], option[j] = 1 - t, t
        options.append(option)
    return min(options, key=lambda option: np.linalg.norm(option @ triangle - target))


def _section(head: Head, place: np.ndarray, normal: np.ndarray) -> Points:
    """Points where edges of the face near `place` cross the plane through it."""
    skin = head.labels == names.LABELS.index("face skin")
    near = (np.linalg.norm(head.rest[head.faces] - place, axis=-1) < _CONTOUR_REACH).all(axis=1)
    faces, bary = [np.zeros(0, int)], [np.zeros((0, 3))]
    chosen = np.flatnonzero(skin & near)
    height = (head.rest[head.faces[chosen]] - place) @ normal
    for i, j in ((0, 1), (1, 2), (2, 0)):
        crosses = height[:, i] * height[:, j] < 0
        t = height[crosses, i] / (height[crosses, i] - height[crosses, j])
        weights = np.zeros((crosses.sum(), 3))
        weights[:, i], weights[:, j] = 1 - t, t
        faces.append(chosen[crosses])
        bary.append(weights)
    return Points(np.concatenate(faces), np.concatenate(bary))


def _about_y(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
