"""`python -m launch.export`: from a training's folder to a bundle, the trained model that others load.

    python -m launch.export --workdir runs/m --out bundles/m --licence CC0-1.0

What is exported is the moving average. A bundle takes one stage after another; one of the same name is replaced.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vlogger_jax import console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def export(
    workdir: Annotated[Path, typer.Option(help="The folder that launch.train was given.")],
    out: Annotated[Path, typer.Option(help="The folder of the bundle; made where there is none.")],
    step: Annotated[int | None, typer.Option(help="Of the checkpoint; the last by default.")] = None,
    dtype: Annotated[str, typer.Option(help="What to keep numbers in: float32, float16, bfloat16.")] = "float32",
    licence: Annotated[str, typer.Option(help="Of what it was trained on, such as CC0-1.0; kept with it.")] = "",
) -> None:
    """Put what a training has learned into a bundle, whole or not at all."""
    import jax

    from launch import program, record
    from vlogger_jax import bundle
    from vlogger_jax.core.functional import count
    from vlogger_jax.core.stage import Variables
    from vlogger_jax.train.checkpoint import Checkpoints

    kept = record.read(workdir)
    given = kept.settings
    # However many devices trained it, one will do here.
    given.mesh = {"data": 1}
    made = program.build(given, jax.devices()[:1])
    checkpoints = Checkpoints(workdir / "checkpoints")
    with jax.set_mesh(made.mesh):
        state, frozen = checkpoints.restore(made.state, step), checkpoints.frozen(made.frozen)
    training = bundle.Training(
        config=kept.config,
        step=int(state.step),
        seed=made.train.seed,
        ema=made.train.ema,
        base_of=kept.base_of,
        licence=licence,
        code=kept.parts[-1].code,
        versions=kept.parts[-1].versions,
    )
    params = Variables(trainable=state.ema, frozen=frozen)
    saved = bundle.save(out, made.stage.name, params, training, dtype=dtype, body=made.stage.body)
    stored = saved.stages[made.stage.name]
    numbers, size = count(state.ema) + count(frozen), (out / stored.file).stat().st_size
    print(
        f"{out / stored.file}: {made.stage.name} of step {training.step}, {numbers:,} numbers as {dtype}, "
        f"{size / 1e6:.1f} MB, licence {licence or 'not stated'}"
    )


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.export"))
