"""`python -m launch.sample`: samples of a trained stage, with the moving average of its parameters."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from vlogger_jax import console
from vlogger_jax.core.errors import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sample(
    context: typer.Context,
    workdir: Annotated[Path, typer.Option(help="The folder that launch.train was given.")],
    out: Annotated[Path, typer.Option(help="An .npz of the samples and of what they were conditioned on.")],
    picture: Annotated[Path | None, typer.Option(help="A .png to look at.")] = None,
    count: Annotated[int, typer.Option(help="How many samples.")] = 64,
    seed: Annotated[int, typer.Option(help="Of their randomness.")] = 0,
    step: Annotated[int | None, typer.Option(help="Of the checkpoint; the last by default.")] = None,
    split: Annotated[str, typer.Option(help="Whose samples' conditions are taken: train, validation, test.")] = "test",
) -> None:
    """Draw samples. --config.diffusion.steps=50 and the like change how; what was trained cannot be changed."""
    import jax

    from launch import data, program, record, settings
    from vlogger_jax.media import array_file, image_file
    from vlogger_jax.parallel import mesh as meshes
    from vlogger_jax.parallel.distributed import fetch
    from vlogger_jax.train.checkpoint import Checkpoints

    if split not in data.SPLITS:
        raise UserError(f"there is no split {split!r}", f"Name one of {', '.join(data.SPLITS)}")
    if count < 1 or seed < 0:
        raise UserError(f"--count is {count}, --seed {seed}", "Give 1 sample or more, and a seed of 0 or more")
    console.keep_compiled()
    given = settings.changed(record.read(workdir).settings, context.args)
    made = program.build(given)
    if picture and made.stage.picture is None:
        raise UserError(f"the stage {made.stage.name} has no picture", "Leave out --picture")
    meshes.check(made.mesh, count)
    inputs = data.Inputs.of(given, made.stage, made.mesh, split, count)

    checkpoints = Checkpoints(workdir / "checkpoints")
    with jax.set_mesh(made.mesh):
        state, frozen = checkpoints.restore(made.state, step), checkpoints.frozen(made.frozen)
        samples = fetch(made.sample(state.ema, frozen, inputs.put(inputs.batch(0)), jax.random.key(seed)))
    batch = inputs.whole_batch(0)
    array_file.write(out, {"samples": samples, **batch})
    if picture:
        image_file.write(picture, made.stage.picture(batch, samples))
    print(f"{out}: {count} samples of step {int(state.step)}")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.sample"))
