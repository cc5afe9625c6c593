"""Who may import whom, and a few other rules that a reader can count on.

The table is data; the checker reads imports with `ast`, so a rule holds for a folder from its first file on, and is
tested here on made-up sources before there is one. An import is judged by its full dotted name, imported name included,
wherever it stands: relative, inside a function, under TYPE_CHECKING, or as `importlib.import_module("...")`. Tests,
benchmarks and notebooks may import anything, and nothing else imports them.
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "vlogger_jax"
BESIDE = ("configs", "data_pipelines", "launch", "docs")
FREE = ("tests", "benchmarks", "notebooks")

_BLOCKS = ("core", "nn", "diffusion", "audio", "body", "media", "parallel")
_STAGES = (*_BLOCKS, "controls", "fit", "toy", "motion", "video", "metrics")
_MODELS = (*_STAGES, "scenes", "stages", "bundle", "train")
_FACES = (
    "pipeline",
    "evaluate",
    "doctor",
    "cli",
    "console",
    "fitting",
    "control_video",
    "moving",
    "filming",
    "portrait",
)

# Unit (folder or module of the package, or a folder beside it) -> what of the package it may import, besides itself.
# "body.rotation" admits that module alone; "" is the package's own face.
MAY_IMPORT = {
    "core": (),
    "nn": ("core",),
    "diffusion": ("core",),
    "audio": ("core",),
    "body": ("core",),
    "media": ("core",),
    "parallel": ("core",),
    "controls": _BLOCKS,
    "fit": _BLOCKS,
    "metrics": _BLOCKS,
    "toy": ("core", "nn", "diffusion"),
    "motion": ("core", "nn", "diffusion", "audio", "body.names", "body.rotation", "media", "parallel"),
    "video": ("core", "nn", "diffusion", "audio", "media", "parallel"),
    "scenes": ("core", "body", "controls", "video"),
    "stages": (*_STAGES, "scenes"),
    "bundle": (*_STAGES, "scenes", "stages"),
    "train": ("core", "parallel"),
    "console": ("core",),
    "fitting": ("core", "body", "media", "fit", "console"),
    "control_video": ("core", "body", "media", "controls", "fit", "console", "fitting"),
    "speaking": ("core", "audio", "media", "console", "fitting"),
    "moving": ("core", "body", "motion", "bundle"),
    "filming": ("core", "diffusion", "video", "scenes", "bundle"),
    "portrait": ("core", "body", "controls", "fit", "video"),
    "pipeline": (*_MODELS, "console", "fitting", "moving", "filming", "portrait"),
    "several": ("core", "media", "controls.show", "console", "pipeline"),
    "estimate": ("core",),
    "generating": (
        "core",
        "media",
        "motion",
        "body.model_file",
        "fit",
        "console",
        "fitting",
        "filming",
        "moving",
        "portrait",
        "pipeline",
        "several",
        "estimate",
    ),
    "evaluate": (*_MODELS, "pipeline"),
    "doctor": (*_MODELS, "pipeline", "console"),
    "cli": (
        *_MODELS,
        "console",
        "pipeline",
        "evaluate",
        "doctor",
        "fitting",
        "control_video",
        "speaking",
        "generating",
    ),
    "__main__": ("cli",),
    "": ("pipeline",),
    "data_pipelines": ("core", "audio", "body", "controls", "fit", "media", "console", "motion.packing", "toy.truth"),
    "configs": (),
    "launch": (*_MODELS, "pipeline", "evaluate", "doctor", "cli", "console", ""),
    "docs": (*_MODELS, *_FACES, ""),
}

# The folders beside the package that each of them may import.
MAY_IMPORT_BESIDE = {
    "configs": ("configs.common",),
    "data_pipelines": ("data_pipelines",),
    "launch": ("configs", "data_pipelines", "launch"),
    "docs": ("data_pipelines", "docs"),
}

# Third-party modules that only these files and folders may import. An empty tuple: nobody.
ONLY_IN = {
    "orbax": ("vlogger_jax/train/checkpoint.py",),
    "flax": (
        "vlogger_jax/core/functional.py",
        "vlogger_jax/metrics/gesture_autoencoder/network.py",
        "vlogger_jax/motion/network.py",
        "vlogger_jax/nn/",
        "vlogger_jax/toy/network.py",
        "vlogger_jax/video/",
    ),
    **dict.fromkeys(("av", "cv2", "imageio", "scipy.io", "skimage.io", "soundfile", "wave"), ("vlogger_jax/media/",)),
    # The default body is made once, before there is anything to show, from textures inside a wheel.
    "PIL": ("vlogger_jax/media/", "data_pipelines/default_body/", "docs/figures/"),
    **dict.fromkeys(("cloudpickle", "dill", "joblib", "pickle", "shelve"), ()),
    **dict.fromkeys(("tensorflow", "torch"), ()),
}

LONGEST_FILE = 500
LONGEST_MEDIAN = 200
REFUSED_FILE = "utils.py"
IMPORTERS = ("import_module", "__import__")
NUMPY_LOAD = ("np.load", "jnp.load", "numpy.load", "jax.numpy.load", "load")
REFUSED_CLASS = ("Manager", "Helper", "Trainer")


# The checker. A `path` is relative to the repository root, with forward slashes.


def unit_of(path: str) -> str:
    """The row of MAY_IMPORT that a file belongs to."""
    folder, *rest = path.removesuffix(".py").split("/")
    if folder != PACKAGE:
        return folder
    return "" if rest == ["__init__"] else rest[0]


def imports(source: str, path: str) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything that a source imports; `from a import b` gives `a.b`."""
    parts = path.removesuffix(".py").split("/")
    package = parts[:-1]

    def absolute(name: str, level: int) -> str:
        above = package[: len(package) - level + 1] if level else []
        return ".".join([*above, *([name] if name else [])])

    nodes = list(ast.walk(ast.parse(source)))
    froms = [alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    importers = {*IMPORTERS, *(alias.asname for alias in froms if alias.name in IMPORTERS)}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node.module or "", node.level)
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _last_name(node.func) in importers:
            match _argument(node, 0, "name"):
                case ast.Constant(value=str(name)):
                    bare = name.lstrip(".")
                    yield node.lineno, absolute(bare, len(name) - len(bare))


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return (named or call.args[position : position + 1] or [None])[0]


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def may_import(unit: str, name: str) -> bool:
    """Whether the table lets `unit` import the dotted `name`, a name of this project."""
    top, _, inside = name.partition(".")
    if top in (*BESIDE, *FREE):
        return any(within(name, prefix) for prefix in MAY_IMPORT_BESIDE.get(unit, ()))
    if inside == "__version__":
        return unit != "configs"
    part = inside.split(".")[0]
    if not part or part in BESIDE or part not in MAY_IMPORT:
        # `import vlogger_jax` or `from vlogger_jax import Vlogger`: whatever the package's own face brings.
        return "" in MAY_IMPORT[unit]
    return part == unit or any(within(inside, prefix) for prefix in MAY_IMPORT[unit])


def violations(source: str, path: str) -> list[str]:
    """What a file breaks, one line each."""
    unit, found = unit_of(path), []
    if unit not in MAY_IMPORT:
        return [f"{path}: {unit} has no row in the table of tests/test_layering.py"]
    for line, name in imports(source, path):
        if name.split(".")[0] in (PACKAGE, *BESIDE, *FREE) and not may_import(unit, name):
            found.append(f"{path}:{line}: {unit or PACKAGE} may not import {name}")
        for module, homes in ONLY_IN.items():
            if within(name, module) and not any(path == home or path.startswith(home) for home in homes):
                found.append(f"{path}:{line}: {module} may be imported by {' '.join(homes) or 'nobody'} only")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg == "allow_pickle"]
            values += node.args[2:3] if ast.unparse(node.func) in NUMPY_LOAD else []
            if not all(map(_is_false, values)):
                found.append(f"{path}:{node.lineno}: allow_pickle may only be False")
    return found


def form(source: str, path: str) -> list[str]:
    """What breaks the rules on names and length, which hold for tests and figures too."""
    found = []
    if (length := len(source.splitlines())) > LONGEST_FILE:
        found.append(f"{path}: {length} lines; {LONGEST_FILE} is the limit")
    if path.split("/")[-1] == REFUSED_FILE:
        found.append(f"{path}: {REFUSED_FILE} does not say what is in it")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and node.name.endswith(REFUSED_CLASS):
            found.append(f"{path}:{node.lineno}: {node.name} does not say what it is")
    return found


# The repository.


def _python_files(*folders: str) -> dict[str, str]:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_the_repository_obeys_the_table():
    files = _python_files(PACKAGE, *BESIDE)
    assert files
    assert [line for path, source in files.items() for line in violations(source, path)] == []


def test_every_folder_and_module_of_the_package_has_a_row():
    inside = [path for path in (ROOT / PACKAGE).iterdir() if path.suffix == ".py" or any(path.rglob("*.py"))]
    units = {path.stem for path in inside if path.stem not in ("__init__", "__pycache__")}
    assert units - set(MAY_IMPORT) == set(), "a row of MAY_IMPORT is missing"


def test_names_and_lengths():
    files = _python_files(PACKAGE, *BESIDE, *FREE)
    assert [line for path, source in files.items() for line in form(source, path)] == []


def test_the_median_file_is_short():
    assert statistics.median(len(source.splitlines()) for source in _python_files(PACKAGE).values()) < LONGEST_MEDIAN


# The table and the checker themselves.

# Unit -> a file of it, an import that it may make, an import that it may not make.
CASES = {
    "core": ("core/records.py", "from vlogger_jax.core.typing import Array", "from vlogger_jax.body import rotation"),
    "nn": ("nn/norm.py", "from vlogger_jax.core import constrain", "import vlogger_jax.diffusion.schedule"),
    "diffusion": ("diffusion/sampler.py", "import vlogger_jax.core.typing", "from vlogger_jax.nn import norm"),
    "audio": ("audio/mel.py", "from ..core import records", "from ..media import audio_file"),
    "body": ("body/smplx.py", "from . import rotation", "from vlogger_jax.audio import mel"),
    "media": ("media/video_file.py", "import av", "from vlogger_jax.body.camera import crop"),
    "parallel": ("parallel/mesh.py", "from vlogger_jax.core import config", "from vlogger_jax.train import state"),
    "controls": ("controls/warp.py", "from vlogger_jax.body import raster", "from vlogger_jax.fit import solve"),
    "fit": ("fit/solve.py", "from vlogger_jax.body import raster", "from vlogger_jax.controls import gbuffer"),
    "metrics": ("metrics/fid.py", "from vlogger_jax.nn import resnet", "from vlogger_jax.motion import packing"),
    "toy": ("toy/loss.py", "from vlogger_jax.diffusion import objective", "from vlogger_jax.motion import loss"),
    "motion": (
        "motion/packing.py",
        "from vlogger_jax.body.rotation import slerp",
        "from vlogger_jax.body import rotation, smplx",
    ),
    "video": ("video/unet.py", "from vlogger_jax.nn.resnet import Block", "from vlogger_jax.controls import build"),
    "scenes": ("scenes.py", "from vlogger_jax.controls import complete", "from vlogger_jax.motion import stage"),
    "stages": ("stages.py", "from vlogger_jax.video import unet", "from vlogger_jax import bundle"),
    "bundle": ("bundle.py", "from vlogger_jax import stages", "from vlogger_jax.train import state"),
    "portrait": ("portrait.py", "from vlogger_jax.video import join", "from vlogger_jax import filming"),
    "train": ("train/step.py", "from vlogger_jax.parallel import rules", "from vlogger_jax.motion import loss"),
    "console": ("console.py", "from vlogger_jax.core import errors", "from vlogger_jax.media import atomic"),
    "fitting": ("fitting.py", "from vlogger_jax.fit import solve", "from vlogger_jax.controls import build"),
    "control_video": (
        "control_video.py",
        "from vlogger_jax import console, fitting",
        "from vlogger_jax.video import unet",
    ),
    "speaking": ("speaking.py", "from vlogger_jax.audio import espeak", "from vlogger_jax.fit import solve"),
    "moving": ("moving.py", "from vlogger_jax.motion.stage import model_of", "from vlogger_jax import stages"),
    "filming": ("filming.py", "from vlogger_jax.video.render import Renderer", "from vlogger_jax import moving"),
    "several": ("several.py", "from vlogger_jax.pipeline import Generation", "from vlogger_jax import generating"),
    "estimate": ("estimate.py", "from vlogger_jax.core.errors import UserError", "from vlogger_jax import pipeline"),
    "generating": ("generating.py", "from vlogger_jax.pipeline import Vlogger", "from vlogger_jax import cli"),
    "pipeline": ("pipeline.py", "from vlogger_jax.bundle import load", "from vlogger_jax.evaluate import table"),
    "evaluate": ("evaluate.py", "from vlogger_jax.pipeline import Vlogger", "from vlogger_jax import cli"),
    "doctor": ("doctor.py", "from vlogger_jax.body import smplx", "from vlogger_jax.cli import main"),
    "cli": ("cli.py", "from vlogger_jax import doctor", "from launch import train"),
    "__main__": ("__main__.py", "from vlogger_jax.cli import main", "from vlogger_jax.doctor import examine"),
    "": ("__init__.py", "from .pipeline import Vlogger", "from vlogger_jax.body import smplx"),
    "data_pipelines": (
        "data_pipelines/schema.py",
        "from vlogger_jax.motion.packing import Packing",
        "from vlogger_jax.motion import loss",
    ),
    "configs": ("configs/motion.py", "from configs.common import size", "from vlogger_jax.core import config"),
    "launch": ("launch/train.py", "import configs.motion, vlogger_jax.cli", "import torch"),
    "docs": ("docs/figures/body.py", "from data_pipelines.default_body import shading", "import launch.train"),
}


def _path(unit: str) -> str:
    return CASES[unit][0] if unit in BESIDE else f"{PACKAGE}/{CASES[unit][0]}"


@pytest.mark.parametrize("unit", MAY_IMPORT)
def test_each_row_admits_and_forbids(unit):
    _, allowed, forbidden = CASES[unit]
    assert unit_of(_path(unit)) == unit
    assert violations(allowed, _path(unit)) == []
    assert len(violations(forbidden, _path(unit))) == 1


ORDER = (
    ("core",),
    ("nn", "diffusion", "audio", "body", "media", "parallel", "console"),
    ("controls", "fit", "toy", "motion", "video", "metrics"),
    ("scenes",),
    ("stages",),
    ("bundle", "train", "fitting"),
    ("control_video", "speaking", "moving", "filming", "portrait"),
    ("pipeline",),
    ("evaluate", "doctor", "several", "estimate"),
    ("generating",),
    ("cli",),
    ("__main__",),
)


def test_the_table_imports_downwards_only():
    level = {unit: i for i, units in enumerate(ORDER) for unit in units}
    assert {*level, "", *BESIDE} == set(MAY_IMPORT)
    upwards = [
        (unit, other) for unit in level for other in MAY_IMPORT[unit] if level[other.split(".")[0]] >= level[unit]
    ]
    assert upwards == []


@pytest.mark.parametrize("unit", MAY_IMPORT)
def test_who_imports_the_folders_beside(unit):
    allowed = {"launch": {"configs", "data_pipelines"}, "docs": {"data_pipelines"}}.get(unit, set())
    for folder in {*BESIDE, *FREE} - {unit}:
        assert (violations(f"from {folder} import x", _path(unit)) == []) == (folder in allowed), folder


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("body/smplx.py", "def f():\n    from vlogger_jax.fit import solve"),
        ("body/smplx.py", "if TYPE_CHECKING:\n    import vlogger_jax.fit.solve as s"),
        ("body/smplx.py", "from ..fit.solve import x"),
        ("body/smplx.py", "from .. import fit"),
        ("body/__init__.py", "from ..fit import solve"),
        ("body/smplx.py", "import importlib\nimportlib.import_module('vlogger_jax.fit')"),
        ("body/smplx.py", "import_module('..fit.solve', __package__)"),
        ("body/smplx.py", "__import__('vlogger_jax.fit')"),
        ("body/smplx.py", "importlib.import_module(name='vlogger_jax.fit')"),
        ("body/smplx.py", "import_module(package=__package__, name='..fit')"),
        ("body/smplx.py", "from importlib import import_module as im\nim('vlogger_jax.fit')"),
        ("body/smplx.py", "from builtins import __import__ as im\nim(name='vlogger_jax.fit')"),
        ("body/smplx.py", "from tests.body import official_layout"),
        ("fit/solve.py", "import benchmarks.raster"),
        ("body/smplx.py", "import vlogger_jax"),
        ("body/smplx.py", "from vlogger_jax import Vlogger"),
        ("body/smplx.py", "from vlogger_jax.new import x"),
        ("motion/loss.py", "from vlogger_jax.body import *"),
        ("motion/loss.py", "import vlogger_jax.body"),
        ("motion/loss.py", "from vlogger_jax.body.rotations import x"),
        ("train/step.py", "from orbax import checkpoint"),
        ("train/checkpoint_reader.py", "import orbax.checkpoint as ocp"),
        ("motion/loss.py", "from flax import nnx"),
        ("diffusion/process.py", "import flax.nnx"),
        ("controls/build.py", "from PIL import Image"),
        ("fit/landmarks.py", "import av"),
        ("audio/speech.py", "from scipy.io import wavfile"),
        ("video/weights_adm.py", "import pickle"),
        ("body/smplx.py", "np.load(path, allow_pickle=True)"),
        ("body/smplx.py", "np.load(path, allow_pickle=trusted)"),
        ("body/smplx.py", "np.load(path, None, True)"),
        ("body/smplx.py", "from numpy import load\nload(path, None, trusted)"),
        ("metrics/fid.py", "def f():\n    import torch.nn"),
        ("media/video_file.py", "import tensorflow as tf"),
        ("new/x.py", "import numpy"),
        ("new.py", "import numpy"),
    ],
)
def test_every_way_round_the_table_is_seen(path, source):
    assert len(violations(source, f"{PACKAGE}/{path}")) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("train/checkpoint.py", "import orbax.checkpoint as ocp"),
        ("core/functional.py", "from flax import nnx"),
        ("video/control.py", "from flax import nnx"),
        ("motion/network.py", "from flax import nnx"),
        ("metrics/gesture_autoencoder/network.py", "from flax import nnx"),
        ("media/image_file.py", "from PIL import Image"),
        ("body/smplx.py", "np.load(path, allow_pickle=False)"),
        ("body/smplx.py", "np.load(path, None, False)"),
        ("body/smplx.py", "model_file.load(path, 10, 10)"),
        ("body/smplx.py", "import benchmarks_of_others, docstring"),
        ("body/smplx.py", "from vlogger_jax import __version__"),
        ("body/smplx.py", "import_module(name)"),
        ("motion/loss.py", "import vlogger_jax.body.rotation"),
        ("metrics/fid.py", "import tensorflow_datasets, torchvision_names"),
    ],
)
def test_what_resembles_a_violation_passes(path, source):
    assert violations(source, f"{PACKAGE}/{path}") == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tests/test_x.py", "\n" * 501),
        ("vlogger_jax/core/utils.py", ""),
        ("vlogger_jax/train/step.py", "class StepTrainer: ..."),
        ("vlogger_jax/train/step.py", "def f():\n    class Helper: ..."),
    ],
)
def test_form_is_checked(path, source):
    assert len(form(source, path)) == 1
