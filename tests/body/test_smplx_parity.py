"""Posing against PyPI's `smplx` 0.1.28 (PyTorch) on made-up files in the official layout.

    python -m tests.body.test_smplx_parity

runs every case and writes the worst differences to docs/results/smplx_parity.json.
"""

import dataclasses
import json
import platform
import tempfile
from functools import cache
from importlib import metadata
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.body import official_layout
from vlogger_jax.body import model_file, names, smplx

pytestmark = pytest.mark.parity

TOLERANCE = 2e-6
"""Metres, float32 against float32."""

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "smplx_parity.json"


@dataclasses.dataclass(frozen=True)
class Case:
    """One way to build the body and one way to draw its motion.

    Attributes:
        columns: of `shapedirs` in the file.
        pca: number of hand components, or None for 45 axis-angle numbers a hand.
        turn: standard deviation of every axis-angle number, radians.
        near_pi: whether every joint turns by almost pi instead.
        yaw: of the neck, degrees; spread over pelvis, spine and neck.
        betas_size: standard deviation of the betas.
        transl_size: standard deviation of the translation, metres.
    """

    name: str
    columns: int = 400
    num_betas: int = 10
    num_expression: int = 10
    pca: int | None = None
    flat_hand_mean: bool = False
    contour: bool = True
    batch: int = 1
    turn: float = 0.4
    near_pi: bool = False
    yaw: float | None = None
    betas_size: float = 1.0
    transl_size: float = 1.0
    seed: int = 0


CASES = [
    Case("rest, flat hands", flat_hand_mean=True, turn=0.0, betas_size=0.0, transl_size=0.0),
    Case("rest, mean hands", turn=0.0, betas_size=0.0, transl_size=0.0),
    Case("10 betas, 10 expressions"),
    Case("no betas", num_betas=0, batch=2),
    Case("1 beta, 1 expression", num_betas=1, num_expression=1, batch=2),
    Case("16 betas, 50 expressions", num_betas=16, num_expression=50, batch=3),
    Case("100 betas, 100 expressions", num_betas=100, num_expression=100, batch=2),
    Case("300 betas, 100 expressions", num_betas=300, num_expression=100, batch=2),
    Case("300 betas, 100 expressions, batch of 16", num_betas=300, num_expression=100, batch=16),
    Case("20 columns", columns=20, batch=3),
    Case("20 columns, flat hands, no contour", columns=20, flat_hand_mean=True, contour=False, batch=3),
    Case("20 columns, 5 betas, 4 expressions", columns=20, num_betas=5, num_expression=4),
    Case("6 hand components", pca=6, batch=3),
    Case("6 hand components, flat mean", pca=6, flat_hand_mean=True, batch=3),
    Case("12 hand components (TalkSHOW)", num_betas=300, num_expression=100, pca=12, batch=4),
    Case("12 hand components, flat mean", pca=12, flat_hand_mean=True),
    Case("45 hand components", pca=45, batch=3),
    Case("45 hand components, flat mean, no contour", pca=45, flat_hand_mean=True, contour=False),
    Case("axis-angle hands, mean (BEAT2)", num_betas=300, num_expression=100, batch=4),
    Case("axis-angle hands, flat (AMASS)", num_betas=16, flat_hand_mean=True, batch=4),
    Case("no contour", contour=False, batch=3),
    Case("large turns", turn=1.5, batch=8),
    Case("turns near pi", near_pi=True, batch=8),
    Case("tiny turns", turn=1e-6, batch=3),
    Case("betas of 3 standard deviations", num_betas=300, num_expression=100, betas_size=3.0, batch=3),
    Case("5 m away", transl_size=5.0, batch=3),
    *(Case(f"neck yaw {yaw:+}", yaw=float(yaw), turn=0.05, batch=2) for yaw in (-100, -60, -41, -38, -12, -1)),
    *(Case(f"neck yaw {yaw:+}", yaw=float(yaw), turn=0.05, batch=2) for yaw in (1, 12, 38, 41, 60, 100)),
]


def draw(case: Case) -> dict[str, np.ndarray]:
    """The arguments of smplx's forward call."""
    random = np.random.default_rng([case.seed, *case.name.encode()])

    def turns(joints):
        values = random.standard_normal((case.batch, joints, 3))
        if case.near_pi:
            values *= (np.pi - 10 ** random.uniform(-6, -2)) / np.linalg.norm(values, axis=-1, keepdims=True)
        else:
            values *= case.turn
        return values.reshape(case.batch, -1).astype(np.float32)

    def normal(size, *shape):
        return (size * random.standard_normal((case.batch, *shape))).astype(np.float32)

    values = {
        "betas": normal(case.betas_size, case.num_betas),
        "expression": normal(case.betas_size, case.num_expression),
        "global_orient": turns(1),
        "body_pose": turns(21),
        "jaw_pose": turns(1),
        "leye_pose": turns(1),
        "reye_pose": turns(1),
        "left_hand_pose": turns(15) if case.pca is None else normal(case.turn, case.pca),
        "right_hand_pose": turns(15) if case.pca is None else normal(case.turn, case.pca),
        "transl": normal(case.transl_size, 3),
    }
    if case.yaw is not None:
        part = np.radians(case.yaw) / 4
        values["global_orient"][:, 1] += part
        for joint in ("spine1", "spine3", "neck"):
            values["body_pose"][:, 3 * (names.JOINTS.index(joint) - 1) + 1] += part
    return values


def their_layer(path: Path, case: Case, precision: str = "float32"):
    import smplx as package
    import torch

    options = {"use_pca": False} if case.pca is None else {"use_pca": True, "num_pca_comps": case.pca}
    layer = package.create(
        str(path),
        model_type="smplx",
        num_betas=case.num_betas,
        num_expression_coeffs=case.num_expression,
        flat_hand_mean=case.flat_hand_mean,
        use_face_contour=case.contour,
        batch_size=case.batch,
        ext="npz",
        dtype=getattr(torch, precision),
        **options,
    )
    if case.columns == 20:
        # It takes columns 10 to 20 whatever was asked for.
        layer.expr_dirs = layer.expr_dirs[..., : case.num_expression]
    return layer


def theirs(path: Path, case: Case) -> tuple[np.ndarray, np.ndarray]:
    import torch

    with torch.no_grad():
        output = their_layer(path, case)(**{key: torch.from_numpy(value) for key, value in draw(case).items()})
    return output.vertices.numpy(), output.joints.numpy()


def our_inputs(path: Path, case: Case):
    """Model and motion of one frame, with the case's batch as a leading dimension."""
    model = _load(path, case.num_betas, case.num_expression)
    if not case.contour:
        model = dataclasses.replace(model, contour_faces=None, contour_bary=None)
    values = {key: value[:, None] for key, value in draw(case).items()}
    for side in ("left", "right"):
        values[f"{side}_hand_pose"] = smplx.hand_pose(
            getattr(model, f"{side}_hand"),
            values[f"{side}_hand_pose"],
            pca=case.pca is not None,
            flat_hand_mean=case.flat_hand_mean,
        )
    values["betas"] = values["betas"][:, 0]
    values["body_pose"] = values["body_pose"].reshape(case.batch, 1, 21, 3)
    rest = smplx.rest_motion(model)
    return model, dataclasses.replace(rest, **values)


@cache
def _load(path: Path, num_betas: int, num_expression: int):
    return model_file.load(path, num_betas=num_betas, num_expression=num_expression)


@cache
def file(columns: int) -> Path:
    path = Path(_folder().name) / f"SMPLX_{columns}.npz"
    official_layout.write(path, columns, columns=columns)
    return path


@cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="smplx_parity_")


def differences(case: Case, pose) -> dict[str, float]:
    """Largest distances in metres between our points and theirs."""
    vertices, joints = theirs(file(case.columns), case)
    posed = pose(*our_inputs(file(case.columns), case))
    assert joints.shape == posed.joints[:, 0].shape == (case.batch, 144 if case.contour else 127, 3)
    between = np.linalg.norm(np.asarray(posed.joints)[:, 0] - joints, axis=-1)
    return {
        "vertices": _worst(np.linalg.norm(np.asarray(posed.vertices)[:, 0] - vertices, axis=-1)),
        "joints": _worst(between[:, :76]),
        "landmarks": _worst(between[:, 76:]),
    }


def _worst(distances: np.ndarray) -> float:
    return float(f"{distances.max():.3g}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_points_agree(case):
    for part, worst in differences(case, smplx.pose).items():
        assert worst <= TOLERANCE, part


@pytest.mark.parametrize("case", CASES[5::6], ids=lambda case: case.name)
def test_points_agree_under_jit(case):
    for part, worst in differences(case, jax.jit(smplx.pose)).items():
        assert worst <= TOLERANCE, part


@pytest.mark.parametrize("turn", [0.5, 1e-3])
def test_gradients_agree(turn):
    import torch

    case = Case("gradients", num_betas=16, batch=2, flat_hand_mean=True, turn=turn)
    weights = np.random.default_rng(0).standard_normal((2, 144, 3), np.float32)
    # In float32 their slope of (1 - cos x) loses digits at small turns.
    inputs = {key: torch.from_numpy(value).double().requires_grad_() for key, value in draw(case).items()}
    joints = their_layer(file(400), case, "float64")(**inputs).joints
    (joints * torch.from_numpy(weights)).sum().backward()
    model, motion = our_inputs(file(400), case)
    slope = jax.jit(jax.grad(lambda motion, model: (smplx.pose(model, motion).joints[:, 0] * weights).sum()))
    found = slope(motion, model)
    for key, value in inputs.items():
        expected = value.grad.numpy()
        np.testing.assert_allclose(getattr(found, key).reshape(expected.shape), expected, rtol=1e-4, atol=2e-5)


def test_names_agree():
    from smplx.joint_names import JOINT_NAMES
    from smplx.vertex_ids import vertex_ids

    assert tuple(JOINT_NAMES[:55]) == tuple(
        name.replace("_eye", "_eye_smplhf") if name.endswith("_eye") else name for name in names.JOINTS
    )
    assert len(set(vertex_ids["smplx"].values()) & set(names.SMPLX_VERTEX_PICKS)) == 21


def report() -> None:
    """Write `RESULTS`."""
    jitted = jax.jit(smplx.pose)
    rows = []
    for case in CASES:
        ours, compiled = (differences(case, pose) for pose in (smplx.pose, jitted))
        rows.append({"case": case.name, "numpy_m": ours, "jax_m": compiled})
        print(f"{case.name:45}", *(f"{part} {max(ours[part], compiled[part]):.2e}" for part in ours))
    packages = ("smplx", "torch", "jax", "jaxlib", "numpy")
    result = {
        "command": "python -m tests.body.test_smplx_parity",
        "versions": {name: metadata.version(name) for name in packages} | {"python": platform.python_version()},
        "tolerance_m": TOLERANCE,
        "worst_m": max(max(row[kind].values()) for row in rows for kind in ("numpy_m", "jax_m")),
        "rows": rows,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"worst {result['worst_m']:.2e} m, written to {RESULTS}")


if __name__ == "__main__":
    report()
