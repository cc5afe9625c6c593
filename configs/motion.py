"""The motion network M: from speech to the motion of face, head, body and hands.

    python -m data_pipelines.build mentor_synth --out data --clips 5000 --frames none
    python -m launch.train --config configs/motion.py:size=tiny --workdir runs/motion

`tiny` hears normalised sound and trains in an hour on two CPU cores, to what docs/motion.md tells; `small` is for one
accelerator, `paper` for a pod, hearing log-mel, as the paper says (section 3.1); nobody has trained these two yet.
"""

from ml_collections import ConfigDict

from configs.common import parse_arg

SIZES = {
    "tiny": dict(width=160, blocks=4, heads=4, listener=192, lookahead=4, lookback=3, remat="none"),
    "small": dict(width=384, blocks=4, heads=6, listener=256, lookahead=4, lookback=3, remat="none"),
    "paper": dict(width=512, blocks=4, heads=8, listener=512, lookahead=4, lookback=3, remat="none"),
}


FACE, TRUNK, ARMS = ("expression", "jaw", "left_eye", "right_eye"), ("root", "torso", "head", "transl"), ("arms",)
HANDS = ("left_hand", "right_hand")
MASS = dict.fromkeys(FACE, 0.0) | dict.fromkeys(TRUNK, 6.0) | dict.fromkeys(ARMS + HANDS, 3.0)
WARMTH = dict(expression=0.25, jaw=0.25, left_eye=0.87, right_eye=0.87) | dict.fromkeys(TRUNK, 1.4)
WARMTH |= dict.fromkeys(ARMS + HANDS, 1.25)


def get_config(arg: str = "") -> ConfigDict:
    """`arg`: size=tiny|small|paper."""
    size = parse_arg(arg, size=("tiny", "small", "paper"))["size"]
    tiny, paper = size == "tiny", size == "paper"
    steps = {"tiny": 8_000, "small": 100_000, "paper": 400_000}[size]
    heard = "log_mel" if paper else dict(name="normalised", bands=40, decay=4.0, tilt=36.0, reach=8.0, depth=40.0)
    return ConfigDict(
        dict(
            stage="motion",
            data=dict(
                folder="data/mentor_synth",
                frames=96 if tiny else 240,
                shortest=72 if tiny else 128,
                hearing=heard,
                overheard=dict(warp=0.12, noise=0.5, music=0.4, gain=12.0),
                dropped=dict(reference=0.1, nothing=0.075, group=0.075),
                given=0,
                remembered=6000 if tiny else 0,
                tolerated=3,
                reading=dict(workers=0 if tiny else 8, threads=2, ahead=2),
            ),
            model=dict(
                size=SIZES[size],
                body="default-v1",
                betas=57,
                expressions=52,
                fps=24.0,
                relative_to="reference",
                averaged=dict.fromkeys(MASS, 0.0) if paper else MASS,
                temperature=dict.fromkeys(MASS, 1.0) if paper else WARMTH,
                upper_face=1.0 if paper else 0.84,
                deviations=dict(
                    expression=0.16,
                    jaw=0.025,
                    left_eye=0.13,
                    right_eye=0.13,
                    root=0.012,
                    torso=0.008,
                    head=0.036,
                    arms=0.15,
                    left_hand=0.07,
                    right_hand=0.07,
                    transl=0.011,
                ),
                # Neighbouring frames agree, so noise averages out over them: slow movement is decided where it is high.
                shifts=dict.fromkeys(FACE, 1.0) | dict.fromkeys(TRUNK + ARMS + HANDS, 3.0 if tiny else 1.0),
                counts=dict(
                    expression=4.0,
                    jaw=8.0,
                    left_eye=1.0,
                    right_eye=1.0,
                    root=1.0,
                    torso=1.0,
                    head=2.0,
                    arms=2.0,
                    left_hand=0.5,
                    right_hand=0.5,
                    transl=2.0,
                ),
                smooths=dict(
                    expression=0.02,
                    jaw=0.02,
                    left_eye=0.02,
                    right_eye=0.02,
                    root=0.3,
                    torso=0.3,
                    head=0.3,
                    arms=0.3,
                    left_hand=0.3,
                    right_hand=0.3,
                    transl=0.3,
                ),
                lips=0.0 if paper else 2.0,
                viseme=0.0 if paper else 0.3,
            ),
            diffusion=dict(
                schedule="cosine",
                prediction="x0",
                # 1 throughout is eq. 1, since x_0 is predicted.
                weighting=dict(name="truncated_snr", low=1.0, high=1.0 if paper else 5.0),
                times="stratified",
                drop=0.1,
                masks=dict(none=0.6, first=0.4),
                context_noise=0.05 if tiny else 0.1,
                sampler="dpm_solver_2m",
                grid="uniform_logsnr" if tiny else "uniform_time",
                steps=20,
                scales=(1.6 if tiny else 1.3,),
                interval=(0.1, 1.0),
            ),
            optim=dict(
                learning_rate=1e-3 if tiny else 2e-4,
                warmup=200 if tiny else 2000,
                decay="cosine",
                steps=steps,
                clip=1.0,
                weight_decay=0.01,
                b1=0.9,
                b2=0.99,
                eps=1e-8,
            ),
            train=dict(
                steps=steps,
                seed=0,
                batch=24 if tiny else 128 if paper else 64,
                accumulate=1,
                precision="float32" if tiny else "bfloat16",
                ema=0.998 if tiny else 0.9999,
                log_every=50,
                save_every=500,
                evaluate_every=1000,
                keep=2,
                hang_after=600.0,
                profile=None,
            ),
            eval=dict(batches=4, samples=4 if tiny else 16, seed=0),
            mesh=dict(data=-1, fsdp=1, context=1, slices=-1, rules=None),
        )
    )
