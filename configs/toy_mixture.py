"""The toy stage on a mixture of eight normal distributions in two rings, with classes to be guided by.

    python -m launch.train --config configs/toy_mixture.py --workdir runs/toy_mixture

About a minute on 2 CPU cores. The loss of held out samples comes to 0.166, where 0.164 is the least that there can be
(docs/results/toy.json).
"""

from ml_collections import ConfigDict

from configs.common import parse_arg


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small."""
    small = parse_arg(arg, size=("tiny", "small"))["size"] == "small"
    steps = 6000 if small else 2000
    return ConfigDict(
        dict(
            stage="toy",
            data=dict(truth="mixture", reading=dict(workers=0, threads=2, ahead=2)),
            model=dict(width=256 if small else 64, blocks=3 if small else 2, heads=4, remat="none"),
            diffusion=dict(
                schedule="cosine",
                prediction="v",
                weighting="min_snr",
                drop=0.15,
                masks=dict(none=1.0, first=0.0, ends=0.0, random=0.0),
                sampler="dpm_solver_2m",
                grid="uniform_logsnr",
                steps=50,
                scales=(1.0,),
                # Near clean data guidance multiplies what little the network is wrong by, and nothing else.
                interval=(0.3, 1.0),
            ),
            optim=dict(
                learning_rate=2e-3,
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
                batch=512,
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
