"""Made-up body model files in SMPL-X's official layout: its keys, shapes and dtypes, numbers of its magnitude.

Nothing in them is from the licensed files. The vertices are clouds around the bones of a rough figure, so that joints,
weights and regressor agree with each other as they do in a real body.
"""

from pathlib import Path

import numpy as np

from vlogger_jax.body import names

_OFFSETS = {
    "pelvis": (0, -0.35, 0.01),
    "hip": (0.06, -0.09, -0.01),
    "knee": (0.05, -0.38, 0),
    "ankle": (-0.02, -0.4, -0.03),
    "foot": (0.03, -0.06, 0.12),
    "spine1": (0, 0.11, -0.03),
    "spine2": (0, 0.13, 0.01),
    "spine3": (0, 0.06, 0.02),
    "neck": (0, 0.17, -0.03),
    "collar": (0.05, 0.09, -0.02),
    "head": (0, 0.14, 0.02),
    "shoulder": (0.11, 0.04, -0.01),
    "elbow": (0.26, -0.01, -0.02),
    "wrist": (0.25, 0.01, 0),
    "jaw": (0, -0.01, 0),
    "eye": (0.03, 0.04, 0.07),
}
_FINGER_ROOT = {"index": 0.024, "middle": 0.001, "pinky": -0.045, "ring": -0.023, "thumb": 0.035}


def joints() -> np.ndarray:
    """The figure's joints in a T-pose, metres."""
    places = np.zeros((55, 3))
    for i, (joint, parent) in enumerate(zip(names.JOINTS, names.PARENTS, strict=True)):
        side, _, part = joint.rpartition("_")
        if part[:-1] in _FINGER_ROOT:
            first = part.endswith("1")
            offset = (0.1 if first else 0.03, 0, _FINGER_ROOT[part[:-1]] if first else 0)
        else:
            offset = _OFFSETS[part]
        mirror = (-1 if side == "right" else 1, 1, 1)
        places[i] = np.multiply(offset, mirror) + (places[parent] if parent >= 0 else 0)
    return places


def arrays(
    seed: int, columns: int = 400, dtype: type = np.float64, vertices: int = names.SMPLX_VERTICES
) -> dict[str, np.ndarray]:
    """The contents of a file; a body of other than 10475 vertices also has its own `vertex_picks`."""
    random = np.random.default_rng(seed)
    faces, corners = 2 * vertices - 42, vertices + 838

    def noise(*shape):
        return random.standard_normal(shape, np.float32)

    def barycentric(*shape):
        weights = random.uniform(0.05, 1, (*shape, 3))
        return (weights / weights.sum(axis=-1, keepdims=True)).astype(dtype)

    def hand():
        return np.linalg.qr(noise(45, 45))[0].astype(dtype), (0.3 * noise(45)).astype(dtype)

    places = joints()
    bone = np.sort(random.integers(0, 55, vertices))
    along = random.uniform(0, 1, (vertices, 1))
    start = places[np.maximum(np.array(names.PARENTS), 0)[bone]]
    template = start + along * (places[bone] - start) + 0.03 * noise(vertices, 3)
    distance = np.linalg.norm(template[:, None] - places, axis=-1)

    weights = np.exp(-distance / 0.05)
    followed = random.integers(4, 9, vertices)
    weights[np.argsort(np.argsort(-weights, axis=1), axis=1) >= followed[:, None]] = 0
    regressor = random.uniform(0, 1, (55, vertices)) * (np.argsort(np.argsort(distance, axis=0), axis=0) < 24).T

    (components_left, mean_left), (components_right, mean_right) = hand(), hand()
    strip, odd = np.arange(faces) // 2, np.arange(faces)[:, None] % 2
    betas = 300 if columns > 300 else 10
    falling = 0.03 / (1 + np.concatenate([np.arange(betas), np.arange(columns - betas)]) / 3)
    contents = {
        "v_template": template.astype(dtype),
        "f": ((strip[:, None] + np.where(odd, (0, 2, 3), (0, 1, 2))) % vertices).astype(np.uint32),
        "shapedirs": (noise(vertices, 3, columns) * falling.astype(np.float32)).astype(dtype),
        "posedirs": (2e-3 * noise(vertices, 3, 486)).astype(dtype),
        "J_regressor": (regressor / regressor.sum(axis=1, keepdims=True)).astype(dtype),
        "weights": (weights / weights.sum(axis=1, keepdims=True)).astype(dtype),
        "kintree_table": np.array([(2**32 - 1, *names.PARENTS[1:]), range(55)], np.uint32),
        "hands_componentsl": components_left,
        "hands_componentsr": components_right,
        "hands_meanl": mean_left,
        "hands_meanr": mean_right,
        "lmk_faces_idx": random.integers(0, faces, 51),
        "lmk_bary_coords": barycentric(51),
        "dynamic_lmk_faces_idx": random.integers(0, faces, (79, 17)),
        "dynamic_lmk_bary_coords": barycentric(79, 17),
        "vt": random.uniform(0, 1, (corners, 2)).astype(dtype),
        "ft": random.integers(0, corners, (faces, 3)).astype(np.uint32),
        # Object arrays, as in the official files: only unpickling reads them.
        "joint2num": np.array({name: i for i, name in enumerate(names.JOINTS)}, object),
        "part2num": np.array({"global": 0}, object),
    }
    if vertices != names.SMPLX_VERTICES:
        contents["vertex_picks"] = random.choice(vertices, 21, replace=False)
    return contents


def write(path: Path, seed: int, columns: int = 400, dtype: type = np.float64, **options) -> dict[str, np.ndarray]:
    """Write the file and return its contents. `columns` is 400 (300 + 100) or 20 (10 + 10)."""
    contents = arrays(seed, columns, dtype, **options)
    np.savez(path, **contents)
    return contents
