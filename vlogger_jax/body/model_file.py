"""Body model files: SMPL-X's `.npz` layout, read strictly and without unpickling, and the packaged default body.

The layout is that of `SMPLX_{NEUTRAL,MALE,FEMALE}.npz`. The default body is in the same layout with more keys:
`vertex_picks` and `labels` of its own mesh; `num_betas`, `shape_names` and `expression_names`, which say what the
columns of `shapedirs` are; `jaw_open_angle`; and MediaPipe's 478 face points.
"""

import hashlib
import zipfile
import zlib
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path

import jax
import numpy as np

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel, HandPrior
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Float, Int

DEFAULT_BODY = "default-v1"

_SHAPES = {
    "v_template": ("V", 3),
    "f": ("F", 3),
    "shapedirs": ("V", 3, "K"),
    "posedirs": ("V", 3, 486),
    "J_regressor": (55, "V"),
    "weights": ("V", 55),
    "kintree_table": (2, 55),
    "hands_componentsl": ("H", 45),
    "hands_componentsr": ("H", 45),
    "hands_meanl": (45,),
    "hands_meanr": (45,),
    "lmk_faces_idx": (51,),
    "lmk_bary_coords": (51, 3),
    "dynamic_lmk_faces_idx": (79, 17),
    "dynamic_lmk_bary_coords": (79, 17, 3),
    "vt": ("T", 2),
    "ft": ("F", 3),
    "vertex_picks": (21,),
    "labels": ("F",),
    "num_betas": (),
    "expression_names": ("E",),
    "shape_names": ("S",),
    "jaw_open_angle": (),
    "mediapipe_faces_idx": (478,),
    "mediapipe_bary_coords": (478, 3),
}
_OPTIONAL = {  # keys that may be absent, unless this one is there
    "posedirs": None,
    "dynamic_lmk_faces_idx": "dynamic_lmk_bary_coords",
    "dynamic_lmk_bary_coords": "dynamic_lmk_faces_idx",
    "vt": "ft",
    "ft": "vt",
    "vertex_picks": None,
    "labels": None,
    "num_betas": None,
    "expression_names": None,
    "shape_names": None,
    "jaw_open_angle": None,
    "mediapipe_faces_idx": "mediapipe_bary_coords",
    "mediapipe_bary_coords": "mediapipe_faces_idx",
}
_TEXT = ("expression_names", "shape_names")
_WHOLE = ("kintree_table", "num_betas")  # whole numbers, as are those of _INDEX_LIMIT
_INDEX_LIMIT = {  # index arrays and the dimension that bounds them
    "f": "V",
    "ft": "T",
    "lmk_faces_idx": "F",
    "dynamic_lmk_faces_idx": "F",
    "mediapipe_faces_idx": "F",
    "vertex_picks": "V",
    "labels": "L",
}
_WEIGHTS_SUM_TO_ONE = 1e-3
_OFFICIAL_BETAS = {400: 300, 20: 10}  # by the number of columns of `shapedirs`

MOST_BETAS, MOST_EXPRESSIONS = 16, 50
"""Of a licensed body file's that `chosen` takes."""


@cache
def default() -> BodyModel:
    """The packaged body, `default-v1`: CC0 MakeHuman data, 52 ARKit expressions, teeth, tongue and eyes.

    One for all callers, so its arrays cannot be written to: change a body with `dataclasses.replace`.
    """
    with resources.as_file(resources.files("vlogger_jax.body") / "assets" / f"{DEFAULT_BODY}.npz") as path:
        return _build(_read(path), path, DEFAULT_BODY)


@lru_cache(maxsize=2)
def chosen(path: Path | None) -> BodyModel:
    """The default body, or of a licensed file the first coefficients, which come in order of importance."""
    if path is None:
        return default()
    whole = load(path)
    betas, expressions = min(MOST_BETAS, whole.num_betas), min(MOST_EXPRESSIONS, whole.num_expression)
    return load(path, num_betas=betas, num_expression=expressions)


def load(path: str | Path, *, num_betas: int | None = None, num_expression: int | None = None) -> BodyModel:
    """Read a model file in SMPL-X's layout.

    Args:
        path: `SMPLX_*.npz`. Files of 400 shape columns hold 300 betas and 100 expressions, files of 20 hold 10 and 10.
        num_betas, num_expression: how many to keep; None keeps all.

    Returns:
        A model of numpy arrays that cannot be written to, named `smplx-` and the first 12 hex digits of the file's
        sha256.

    Raises:
        UserError: if the file is missing, is not in this layout, would need unpickling, or has fewer coefficients.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"there is no body model file {path}", "Give the path of a SMPLX_*.npz")
    name = "smplx-" + hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return _build(_read(path), path, name, num_betas, num_expression)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The known keys of the file, fractions as float32, checked against `_SHAPES` and against each other."""
    arrays: dict[str, np.ndarray] = {}
    sizes = {"L": len(names.LABELS)}
    with path.open("rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile):
            archive = None
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is not an .npz archive", "Download the .npz version of the SMPL-X model")
        for key, wanted in _SHAPES.items():
            if key in archive.files:
                arrays[key] = _read_key(archive, key, path)
                _check_shape(arrays[key], wanted, sizes, key, path)
            elif key not in _OPTIONAL or _OPTIONAL[key] in archive.files:
                fix = "Give an SMPL-X model file"
                if key.startswith("hands_"):
                    fix = "This looks like SMPL or SMPL-H; give an SMPL-X model file"
                raise UserError(f"{path} lacks the key {key!r}", fix)
    for key, limit in _INDEX_LIMIT.items():
        if key in arrays and (arrays[key].min() < 0 or arrays[key].max() >= sizes[limit]):
            raise UserError(
                f"{path}: {key!r} points outside of {sizes[limit]} entries", "The file is damaged; get it again"
            )
    sums = arrays["weights"].sum(axis=1)
    worst = np.abs(sums - 1).argmax()
    if abs(sums[worst] - 1) > _WEIGHTS_SUM_TO_ONE:
        raise UserError(
            f"{path}: 'weights' of vertex {worst} sum to {sums[worst]:.4g}, not 1", "The file is damaged; get it again"
        )
    return arrays


def _read_key(archive: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    try:
        array = archive[key]
    except ValueError:
        raise UserError(
            f"{path}: {key!r} holds Python objects, which are never unpickled here",
            "Save it as a plain array (dense, numeric)",
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error):
        raise UserError(f"{path}: {key!r} cannot be read", "The file is damaged; get it again") from None
    whole = key in _WHOLE or key in _INDEX_LIMIT
    wanted, kinds = ("text", "U") if key in _TEXT else ("whole numbers", "iu") if whole else ("numbers", "fiu")
    if array.dtype.kind not in kinds:
        raise UserError(f"{path}: {key!r} holds {array.dtype}, not {wanted}", "Give an SMPL-X model file")
    if key in _TEXT or whole:
        return array
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise UserError(
            f"{path}: {key!r} holds values that are not finite in float32", "The file is damaged; get it again"
        )
    return array


def _check_shape(array: np.ndarray, wanted: tuple, sizes: dict[str, int], key: str, path: Path) -> None:
    if array.ndim == len(wanted):
        for name, size in zip(wanted, array.shape, strict=True):
            if isinstance(name, str):
                sizes.setdefault(name, size)
    expected = tuple(sizes.get(name, name) if isinstance(name, str) else name for name in wanted)
    if array.shape != expected:
        text = "(" + ", ".join(map(str, expected)) + ("," if len(expected) == 1 else "") + ")"
        raise UserError(f"{path}: {key!r} has shape {array.shape}, expected {text}", "Give an SMPL-X model file")
    if array.size == 0 and key not in _TEXT:
        raise UserError(f"{path}: {key!r} is empty: its shape is {array.shape}", "Give an SMPL-X model file")


def _build(
    arrays: dict[str, np.ndarray],
    path: Path,
    name: str,
    num_betas: int | None = None,
    num_expression: int | None = None,
) -> BodyModel:
    betas, expression = _split(arrays, path)
    keep_betas = _keep(num_betas, betas, "betas", path)
    keep_expression = _keep(num_expression, expression, "expression coefficients", path)
    if not np.array_equal(arrays["kintree_table"][0].astype(np.int64)[1:], names.PARENTS[1:]):
        raise UserError(f"{path}: 'kintree_table' is not SMPL-X's skeleton", "Give an SMPL-X model file")
    if "vertex_picks" not in arrays and len(arrays["v_template"]) != names.SMPLX_VERTICES:
        raise UserError(
            f"{path}: 'v_template' has shape {arrays['v_template'].shape}, expected ({names.SMPLX_VERTICES}, 3)",
            "For a body of another mesh add the key 'vertex_picks' (see vlogger_jax.body.names)",
        )
    shapedirs = arrays["shapedirs"][..., :keep_betas]
    expression_dirs = arrays["shapedirs"][..., betas : betas + keep_expression]
    regressor, weights, faces = arrays["J_regressor"], arrays["weights"], arrays["f"].astype(np.int32)
    model = BodyModel(
        v_template=arrays["v_template"],
        shapedirs=np.ascontiguousarray(shapedirs),
        expression_dirs=np.ascontiguousarray(expression_dirs),
        posedirs=_posedirs(arrays),
        joint_template=_regress(regressor, arrays["v_template"]),
        joint_shapedirs=_regress(regressor, shapedirs),
        joint_expression_dirs=_regress(regressor, expression_dirs),
        lbs_weights=weights,
        left_hand=_hand(arrays, "l"),
        right_hand=_hand(arrays, "r"),
        faces=faces,
        vertex_picks=np.asarray(arrays.get("vertex_picks", names.SMPLX_VERTEX_PICKS), np.int32),
        landmark_faces=arrays["lmk_faces_idx"].astype(np.int32),
        landmark_bary=arrays["lmk_bary_coords"],
        contour_faces=_index(arrays, "dynamic_lmk_faces_idx"),
        contour_bary=arrays.get("dynamic_lmk_bary_coords"),
        mediapipe_faces=_index(arrays, "mediapipe_faces_idx"),
        mediapipe_bary=arrays.get("mediapipe_bary_coords"),
        uv=arrays.get("vt"),
        uv_faces=_index(arrays, "ft"),
        labels=np.asarray(arrays["labels"], np.int32) if "labels" in arrays else labels_from_weights(weights, faces),
        name=name,
        shape_names=tuple(map(str, arrays.get("shape_names", ())))[:keep_betas],
        expression_names=tuple(map(str, arrays.get("expression_names", ())))[:keep_expression],
        jaw_open_angle=float(arrays.get("jaw_open_angle", 0.0)),
    )
    for array in jax.tree.leaves(model):
        array.setflags(write=False)
    return model


def labels_from_weights(
    lbs_weights: Float[np.ndarray, "v 55"], faces: Int[np.ndarray, "f corners"]
) -> Int[np.ndarray, "f"]:
    """Labels of a mesh that has none: of the joint that moves each face most, as indices into `names.LABELS`."""
    label_of_joint = np.array([names.LABELS.index(_label_of_joint(joint)) for joint in names.JOINTS], np.int32)
    return label_of_joint[lbs_weights[faces].sum(axis=1).argmax(axis=1)]


def _label_of_joint(joint: str) -> str:
    side, _, part = joint.partition("_")
    if part.startswith(("wrist", "index", "middle", "pinky", "ring", "thumb")):
        return f"{side} hand"
    if part in ("shoulder", "elbow"):
        return "arms"
    if part == "eye":
        return "sclera"
    if joint in ("head", "jaw"):
        return "face skin"
    if joint == "neck":
        return "neck"
    return "torso" if joint.startswith("spine") or part == "collar" else "lower body"


def _split(arrays: dict[str, np.ndarray], path: Path) -> tuple[int, int]:
    """How many of the columns of `shapedirs` are betas and how many expressions."""
    columns = arrays["shapedirs"].shape[-1]
    if "num_betas" not in arrays and columns not in _OFFICIAL_BETAS:
        raise UserError(
            f"{path}: 'shapedirs' has {columns} columns, not 400 (300 betas, 100 expressions) or 20 (10, 10)",
            "Say how they divide by the key 'num_betas'",
        )
    betas = int(arrays.get("num_betas", _OFFICIAL_BETAS.get(columns, 0)))
    if not 0 <= betas <= columns:
        raise UserError(f"{path}: 'num_betas' is {betas}, but 'shapedirs' has {columns} columns", "Correct the file")
    for key, size in (("shape_names", {"S": betas}), ("expression_names", {"E": columns - betas})):
        if key in arrays:
            _check_shape(arrays[key], _SHAPES[key], size, key, path)
    return betas, columns - betas


def _keep(wanted: int | None, available: int, what: str, path: Path) -> int:
    if wanted is not None and not 0 <= wanted <= available:
        raise UserError(f"{path} holds {available} {what}, not {wanted}", f"Ask for at most {available}")
    return available if wanted is None else wanted


def _regress(regressor: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The regressor applied over vertices, summed in float64."""
    return np.tensordot(regressor.astype(np.float64), values.astype(np.float64), axes=1).astype(np.float32)


def _posedirs(arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    if "posedirs" not in arrays:
        return None
    return np.ascontiguousarray(np.moveaxis(arrays["posedirs"], -1, 0))


def _hand(arrays: dict[str, np.ndarray], side: str) -> HandPrior:
    return HandPrior(
        components=arrays[f"hands_components{side}"],
        mean=arrays[f"hands_mean{side}"],
    )


def _index(arrays: dict[str, np.ndarray], key: str) -> np.ndarray | None:
    return arrays[key].astype(np.int32) if key in arrays else None
