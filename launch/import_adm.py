"""`python -m launch.import_adm`: a published network of ADM becomes the base of a video network.

    python -m launch.import_adm --weights 256x256_diffusion_uncond.pt --out bundles/adm

The bundle has the stage video_base, from which `configs/video_control_128.py` begins. Nothing in the file is executed.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from vlogger_jax import console

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def import_adm(
    weights: Annotated[Path, typer.Option(help="As published (.pt), or the same tensors as safetensors.")],
    out: Annotated[Path, typer.Option(help="The folder of the bundle; made where there is none.")],
    network: Annotated[str, typer.Option(help="Which of the published ones; the name of the file by default.")] = "",
    dtype: Annotated[str, typer.Option(help="What to keep numbers in: float32, float16, bfloat16.")] = "float32",
    licence: Annotated[str, typer.Option(help="Of the weights; kept with them.")] = "",
) -> None:
    """Put published weights into a bundle, whole or not at all."""
    from configs import video_base_128
    from vlogger_jax import bundle
    from vlogger_jax.core.stage import Variables
    from vlogger_jax.video import weights_adm

    released = weights_adm.released(network or weights.stem)
    params, model = weights_adm.as_base(weights_adm.load(weights, released.model, released.order), released.model)
    config = video_base_128.get_config("size=paper")
    with config.ignore_type():
        config.model = dataclasses.asdict(model)
        config.diffusion.schedule = released.schedule
    training = bundle.Training(config=json.loads(config.to_json_best_effort()), step=0, seed=0, licence=licence)
    saved = bundle.save(out, "video_base", Variables(trainable=params, frozen={}), training, dtype=dtype)
    print(f"{out / saved.stages['video_base'].file}: video_base, {model.size} px, licence {licence or 'not stated'}")


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m launch.import_adm"))
