"""The base of the video network: pictures of people, of nobody in particular (paper section 3.2).

    python -m data_pipelines.build mentor_synth --out data --clips 2600 --frames 5 --run 1 --size 64
    python -m launch.train --config configs/video_base_128.py:size=tiny --workdir runs/base

Trained without a reference, and frozen when its control network is trained. `tiny` has 64 pixels, so that two CPU cores
can train it; `small` is for one accelerator, `paper` for a pod: ADM's network of 128 pixels.
"""

from ml_collections import ConfigDict

from configs.common import base_model, optimizer, parse_arg, video_diffusion


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small|paper."""
    size = parse_arg(arg, size=("tiny", "small", "paper"))["size"]
    tiny = size == "tiny"
    steps = {"tiny": 6_000, "small": 300_000, "paper": 500_000}[size]
    return ConfigDict(
        dict(
            stage="video_base",
            data=dict(
                folder="data/mentor_synth",
                frames=1,
                tolerated=3,
                reading=dict(workers=0 if tiny else 8, threads=2, ahead=2),
            ),
            model=base_model(size),
            diffusion=video_diffusion(size),
            optim=optimizer(1e-3 if tiny else 1e-4, steps, warmup=200 if tiny else 5000),
            train=dict(
                steps=steps,
                seed=0,
                batch=32 if tiny else 256 if size == "small" else 512,
                accumulate=1,
                precision="float32" if tiny else "bfloat16",
                ema=0.998 if tiny else 0.9999,
                log_every=50,
                save_every=500,
                evaluate_every=1000 if tiny else 5000,
                keep=2,
                hang_after=600.0,
                profile=None,
            ),
            eval=dict(batches=4, samples=16, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
