"""The autoencoder of gestures, whose latents the Fréchet gesture distance is of.

    python -m data_pipelines.build mentor_synth --out data --clips 5000 --frames none
    python -m launch.train --config configs/gesture_autoencoder.py --workdir runs/gesture_autoencoder

It has one size: distances compare within one autoencoder only.
"""

from ml_collections import ConfigDict

from configs.common import parse_arg


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny."""
    parse_arg(arg, size=("tiny",))
    steps = 4000
    return ConfigDict(
        dict(
            stage="gesture_autoencoder",
            data=dict(
                folder="data/mentor_synth",
                remembered=6000,
                tolerated=3,
                reading=dict(workers=0, threads=2, ahead=2),
            ),
            model=dict(width=128, blocks=1, latent=64),
            diffusion=dict(),
            optim=dict(
                learning_rate=2e-3,
                warmup=100,
                decay="cosine",
                steps=steps,
                clip=1.0,
                weight_decay=0.0,
                b1=0.9,
                b2=0.99,
                eps=1e-8,
            ),
            train=dict(
                steps=steps,
                seed=0,
                batch=64,
                accumulate=1,
                precision="float32",
                ema=0.995,
                log_every=100,
                save_every=500,
                evaluate_every=500,
                keep=3,
                hang_after=600.0,
                profile=None,
            ),
            eval=dict(batches=4, samples=0, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
