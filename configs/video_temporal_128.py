"""The control network of the video network on clips, where frames meet: stage 2 of its training (paper section 3.2).

    python -m data_pipelines.build mentor_synth --out data/clips --clips 240 --frames 18 --run 16 --size 64 --seed 2
    python -m launch.train --config configs/video_temporal_128.py:size=tiny --workdir runs/temporal \\
        --config.data.folder=data/clips/mentor_synth --begin-from bundles/mine

It begins from stage 1 (or, without that, from the base), with temporal convolutions that change nothing at first.
"""

from ml_collections import ConfigDict

from configs.common import control_diffusion, control_model, optimizer, parse_arg


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small|paper."""
    size = parse_arg(arg, size=("tiny", "small", "paper"))["size"]
    tiny = size == "tiny"
    steps = {"tiny": 1_500, "small": 100_000, "paper": 400_000}[size]
    return ConfigDict(
        dict(
            stage="video_temporal",
            data=dict(
                folder="data/mentor_synth",
                frames=8 if tiny else 16,
                far=24,
                remembered=16_000 if tiny else 0,
                given=0,
                tolerated=3,
                reading=dict(workers=0 if tiny else 8, threads=2, ahead=2),
            ),
            model=control_model(size),
            diffusion=control_diffusion(size),
            optim=optimizer(3e-4 if tiny else 5e-5, steps, warmup=100 if tiny else 1000),
            train=dict(
                steps=steps,
                seed=0,
                batch=4 if tiny else 16 if size == "small" else 128,
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
            eval=dict(batches=4, samples=4 if tiny else 8, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
