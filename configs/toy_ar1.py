"""The toy stage on sequences of sixteen numbers, trained to go on from any that are given.

    python -m launch.train --config configs/toy_ar1.py --workdir runs/toy_ar1

About a minute on 2 CPU cores. The loss of held out samples comes to 0.1276, where 0.1267 is the least there can be, and
the first frames after four given ones are off by less than 0.05 standard deviations (docs/results/toy.json).
"""

from ml_collections import ConfigDict

from configs.common import parse_arg


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small."""
    small = parse_arg(arg, size=("tiny", "small"))["size"] == "small"
    steps = 6000 if small else 1500
    return ConfigDict(
        dict(
            stage="toy",
            data=dict(truth="ar1", given=4, reading=dict(workers=0, threads=2, ahead=2)),
            model=dict(width=128 if small else 32, blocks=3 if small else 2, heads=4, remat="none"),
            diffusion=dict(
                schedule="cosine",
                prediction="v",
                weighting="min_snr",
                masks=dict(none=0.4, first=0.4, ends=0.1, random=0.1),
                context_noise=0.3,
                sampler="dpm_solver_2m",
                grid="uniform_time",
                steps=25,
                scales=(1.0,),
            ),
            optim=dict(
                learning_rate=3e-3,
                warmup=100,
                decay="cosine",
                steps=steps,
                clip=1.0,
                weight_decay=0.0,
                b1=0.9,
                b2=0.999,
                eps=1e-8,
            ),
            train=dict(
                steps=steps,
                seed=0,
                batch=256,
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
            eval=dict(batches=4, samples=512, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
