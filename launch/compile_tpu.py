"""`python -m launch.compile_tpu`: whether a config compiles for TPUs and fits, found out on a machine that has none.

    python -m launch.compile_tpu --config configs/toy_ar1.py:size=tiny --topology v5e:4x4 --mesh data=4,context=4

What is compiled is what training and sampling run: the very step of `launch.train` with its places of arrays. Exit code
0: all fits; 2: something does not, or there is no such topology, or no libtpu (`make setup-aot`).
"""

import dataclasses
import json
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from vlogger_jax import console
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import atomic

if TYPE_CHECKING:  # at run time the command imports what it needs, after the environment is set
    import jax
    import ml_collections

    from launch.program import Program
    from vlogger_jax.parallel.aot import Report

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

PACKAGES = ("jax", "jaxlib", "flax", "libtpu")
ONCE = "XLA counts what is inside of a loop (of sampling, of accumulation) once."


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def compile_tpu(
    context: typer.Context,
    config: Annotated[str, typer.Option(help="A file of configs, as in configs/toy_ar1.py:size=tiny.")],
    topology: Annotated[str, typer.Option(help="TPUs to compile for, as in v5e:4x4 or v5p:2x2x2.")],
    mesh: Annotated[str, typer.Option(help="Instead of the config's, as in data=4,context=4; data is the rest.")] = "",
    slices: Annotated[int, typer.Option(help="How many such topologies, with another network between them.")] = 1,
    what: Annotated[Literal["train", "sample", "all"], typer.Option(help="What to compile.")] = "all",
    json_file: Annotated[Path | None, typer.Option("--json", help="Where to write the same as JSON.")] = None,
) -> None:
    """Compile a config's step and sampling for TPUs, and say what they take. Values: --config.train.batch=64."""
    os.environ["JAX_PLATFORMS"] = "cpu"  # nothing runs, so no device is opened
    from launch import program, settings
    from vlogger_jax.parallel import aot

    if slices < 1:
        raise UserError(f"there are no {slices} slices", "Give 1 or more to --slices")
    loaded = settings.load(config, context.args)
    if mesh:
        rules = {name: loaded.mesh[name] for name in ("rules",) if name in loaded.mesh}
        loaded.mesh = {"data": -1, **_sizes(mesh), **rules}
    available, devices = aot.chip(topology).memory, aot.devices(topology, slices)
    built = program.build(loaded, devices)
    axes = {name: int(size) for name, size in built.mesh.shape.items()}
    reports: dict[str, Report] = {}
    with console.progress() as begin:
        for name in ("train", "sample") if what == "all" else (what,):
            report = begin(f"compiling {name}")
            report(0.0)
            reports[name] = aot.compiled(lowered(built, name), available, axes, slices)
            report(1.0)
    _show(reports, topology, slices, axes)
    if json_file is not None:
        _write(json_file, reports, topology, slices, axes, loaded)
    if full := [f"{name}: {report.refusal}" for name, report in reports.items() if not report.fits]:
        fix = "Give it more chips, a larger train.accumulate or smaller batches"
        raise UserError(f"it does not fit into {topology}; {'; '.join(full)}", fix)


def lowered(built: "Program", what: str) -> "jax.stages.Lowered":
    """A program before it is compiled: "train" for one step, "sample" for samples of one batch."""
    import jax

    with jax.set_mesh(built.mesh):
        if what == "train":
            return built.step.lower(built.state, built.frozen, built.batch)
        return built.sample.lower(built.state.ema, built.frozen, built.batch, built.state.key)


def _sizes(text: str) -> dict[str, int]:
    fix = "Give sizes of axes, as in --mesh data=4,context=4"
    try:
        pairs = [(name, int(size)) for name, size in (item.split("=") for item in text.split(","))]
    except ValueError as error:
        raise UserError(f"the mesh {text!r} cannot be read", fix) from error
    sizes = dict(pairs)
    if len(sizes) < len(pairs):
        raise UserError(f"the mesh {text!r} has an axis twice", fix)
    if unknown := [name for name in sizes if name not in ("data", "fsdp", "context")]:
        raise UserError(f"a mesh has no axis {unknown[0]!r}", fix)
    return sizes


def _show(reports: dict[str, "Report"], topology: str, slices: int, axes: dict[str, int]) -> None:
    title = f"{topology}{f' x {slices} slices' if slices > 1 else ''}, "
    title += " ".join(f"{name}={size}" for name, size in axes.items())
    table = Table("of a device", *reports, title=title, title_justify="left")
    table.add_row("fits", *("yes" if each.fits else "no" for each in reports.values()))
    table.add_row("memory at the peak", *(_memory(each) for each in reports.values()))
    table.add_row("arguments", *(_bytes(each.arguments) if each.fits else "-" for each in reports.values()))
    table.add_row("results", *(_bytes(each.results) if each.fits else "-" for each in reports.values()))
    table.add_row("FLOPs", *(f"{each.flops:.3e}" if each.fits else "-" for each in reports.values()))
    table.add_row("seconds to compile", *(f"{each.seconds:.1f}" for each in reports.values()))
    shown = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    shown.print(table)
    talk = Table("collectives", "of", "along", "count", "bytes", "largest", "frames", title_justify="left")
    for name, each in reports.items():
        if each.traffic is None:
            talk.add_row("not known", name, "-", "-", "-", "-", "")
        for row in each.traffic or ():
            cells = (row.kind, name, " ".join(row.axes) or "-", str(row.count), _bytes(row.bytes))
            talk.add_row(*cells, "x".join(map(str, row.largest)) or "1", "yes" if row.frames else "")
    if talk.row_count:
        shown.print(talk)
    shown.print(ONCE)


def _memory(report: "Report") -> str:
    if report.memory is None:
        return f"more than {_bytes(report.available)}"
    return f"{_bytes(report.memory)} of {_bytes(report.available)} ({report.memory / report.available:.1%})"


def _bytes(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def _write(
    path: Path,
    reports: dict[str, "Report"],
    topology: str,
    slices: int,
    axes: dict[str, int],
    config: "ml_collections.ConfigDict",
) -> None:
    from launch import settings

    content = {
        "command": shlex.join(["python", "-m", "launch.compile_tpu", *sys.argv[1:]]),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "topology": topology,
        "slices": slices,
        "mesh": axes,
        "note": ONCE,
        "programs": {name: {"fits": each.fits, **dataclasses.asdict(each)} for name, each in reports.items()},
        "config": json.loads(settings.as_json(config)),
    }
    with atomic.replacing(path) as part:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.compile_tpu"))
