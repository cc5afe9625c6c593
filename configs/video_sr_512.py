"""Super-resolution of the video network to 512 pixels (paper section 3.2).

    python -m data_pipelines.build mentor_synth --out data/large --clips 600 --frames 8 --run 4 --size 512 --seed 4
    python -m launch.train --config configs/video_sr_512.py:size=tiny --workdir runs/sr_512 \\
        --config.data.folder=data/large/mentor_synth

It learns from true frames, made small; the networks that make those are not needed. With `low=256` it goes on from
what `video_sr_256` makes, and else from the base.
"""

from ml_collections import ConfigDict

from configs.common import optimizer, parse_arg, sr_diffusion, sr_model


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small|paper, low=base|256."""
    given = parse_arg(arg, size=("tiny", "small", "paper"), low=("base", "256"))
    size, tiny = given["size"], given["size"] == "tiny"
    low = 256 if given["low"] == "256" else 64 if tiny else 128
    steps = {"tiny": 4_000, "small": 100_000, "paper": 400_000}[size]
    return ConfigDict(
        dict(
            stage="video_sr_512",
            data=dict(
                folder="data/mentor_synth",
                frames=4 if tiny else 8,
                far=24,
                given=0,
                remembered=2_000 if tiny else 0,
                tolerated=3,
                reading=dict(workers=0 if tiny else 8, threads=2, ahead=2),
            ),
            model=sr_model(size, 512, low),
            diffusion=sr_diffusion(size),
            optim=optimizer(1e-3 if tiny else 1e-4, steps, warmup=200 if tiny else 1000),
            train=dict(
                steps=steps,
                seed=0,
                batch=2 if tiny else 32 if size == "small" else 256,
                accumulate=1,
                precision="float32" if tiny else "bfloat16",
                ema=0.995 if tiny else 0.9999,
                log_every=50,
                save_every=500,
                evaluate_every=500 if tiny else 5000,
                keep=2,
                hang_after=600.0,
                profile=None,
            ),
            eval=dict(batches=4, samples=2 if tiny else 8, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
