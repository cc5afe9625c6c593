"""`vlogger doctor`: what this installation can do, and what would give it more."""

import os
import platform
from collections.abc import Iterable, Iterator
from importlib import import_module, metadata
from pathlib import Path

from packaging.requirements import Requirement
from rich.console import Console
from rich.table import Table

from vlogger_jax import __version__
from vlogger_jax.core.errors import UserError

DISTRIBUTION = "vlogger_jax"

GIVES = {
    "fit": "pose, expression and outline of people in images",
    "speech": "speech from text",
    "beam": "large data sets, built with Apache Beam",
    "tpu": "running on TPUs, and compiling for them",
    "gpu": "running on NVIDIA GPUs",
    "parity": "the tests against PyTorch packages",
    "bench": "the benchmarks against other renderers",
    "notebook": "running the notebooks",
    "dev": "the tests, the linter, building the wheel",
}
"""What each extra of setup.py is for."""


def examine() -> None:
    """Print the findings.

    Raises:
        UserError: something that the package cannot do without is missing or does not start.
    """
    # Without markup, since "[fit]" is a name here and no style.
    console = Console(markup=False, highlight=False)
    broken: list[UserError] = []

    console.print(
        f"vlogger_jax {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
    )
    findings = {
        "requirements": _requirements(broken),
        "jax": _devices(broken),
        "body": _body(broken),
        "models": _models(broken),
        "VLOGGER_MEDIA": _media(),
    }
    console.print(_table(findings.items()))
    console.print("\nextras")
    console.print(_table((extra, *_extra(extra)) for extra in GIVES))
    if broken:
        console.print()
        raise broken[0]


def _table(rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2, 0, 2))
    for row in rows:
        table.add_row(*row)
    return table


def _requirements(broken: list[UserError]) -> str:
    requirements = list(_declared(DISTRIBUTION, ""))
    missing = [line for requirement in requirements for line in _unmet(requirement)]
    if not missing:
        return f"all {len(requirements)} present"
    broken.append(UserError(f"vlogger_jax requires {', '.join(missing)}", "Run `pip install vlogger_jax` again"))
    return f"missing or of another version: {', '.join(missing)}"


def _devices(broken: list[UserError]) -> str:
    try:
        import jax

        devices = jax.devices()
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        broken.append(UserError(f"JAX does not start: {reason}", "Set JAX_PLATFORMS=cpu to run on the processor"))
        return f"does not start: {reason}"
    kinds = [f"{device.platform} ({device.device_kind})" for device in devices]
    found = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds))
    if devices[0].platform == "cpu" and Path("/dev/nvidiactl").exists():
        found += f". The NVIDIA GPU of this machine is not used: {_install('gpu')}"
    return f"{jax.__version__}, {found}"


def _body(broken: list[UserError]) -> str:
    try:
        return import_module("vlogger_jax.body.model_file").default().name
    except Exception as error:
        broken.append(
            UserError(f"the default body does not load: {error}", "Run `pip install --force-reinstall vlogger_jax`")
        )
        return f"does not load: {error}"


def _models(broken: list[UserError]) -> str:
    """The networks that come with the package."""
    try:
        bundle = import_module("vlogger_jax.bundle")
        opened = bundle.load(bundle.packaged())
        size = sum((opened.folder / stored.file).stat().st_size for stored in opened.stages.values())
    except (UserError, OSError) as error:
        broken.append(
            UserError(f"the packaged models do not load: {error}", "Run `pip install --force-reinstall vlogger_jax`")
        )
        return f"do not load: {error}"
    return f"{', '.join(opened.stages)} ({size / 1e6:.1f} MB)"


def _media() -> str:
    folder = os.environ.get("VLOGGER_MEDIA")
    if not folder:
        return "not set; tests on real recordings are skipped"
    return folder if Path(folder).is_dir() else f"{folder} is not a folder"


def _extra(extra: str) -> tuple[str, str]:
    """Whether an extra is installed; what it gives, and how to get it where it is not."""
    declared = list(_declared(DISTRIBUTION, extra))
    if not declared:
        return "not for this Python", GIVES[extra]
    if any(_unmet(requirement) for requirement in declared):
        return "missing", f"{GIVES[extra]}\n{_install(extra)}"
    if extra == "fit" and (reason := _import_error("cv2")):
        return (
            "broken",
            f"OpenCV does not start: {reason}\npip install --force-reinstall opencv-contrib-python-headless",
        )
    if extra == "speech":
        return _speech()
    return "installed", GIVES[extra]


def _speech() -> tuple[str, str]:
    try:
        with import_module("vlogger_jax.audio.espeak").Espeak() as engine:
            return "installed", f"{GIVES['speech']}, by espeak-ng {engine.version}"
    except UserError as error:
        return "broken", f"{error.what}\n{error.fix}"


def _install(extra: str) -> str:
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def _declared(distribution: str, extra: str) -> Iterator[Requirement]:
    """What a distribution requires here for one extra; without any, for ""."""
    for line in metadata.requires(distribution) or ():
        requirement = Requirement(line)
        always = not requirement.marker or requirement.marker.evaluate({"extra": ""})
        if always != bool(extra) and (not requirement.marker or requirement.marker.evaluate({"extra": extra})):
            yield requirement


def _unmet(requirement: Requirement) -> list[str]:
    """What of a requirement, its own extras included, is missing or of another version."""
    name = str(requirement).split(";")[0].strip()
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return [name]
    if not requirement.specifier.contains(version, prereleases=True):
        return [f"{name} (found {version})"]
    inner = (part for extra in requirement.extras for part in _declared(requirement.name, extra))
    return [line for part in inner for line in _unmet(part)]


def _import_error(module: str) -> str:
    try:
        import_module(module)
    except ImportError as error:
        return str(error).split("\n")[0]
    return ""
