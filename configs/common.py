"""What configs share."""

from typing import Any


def parse_arg(arg: str, **choices: tuple[str, ...]) -> dict[str, str]:
    """What follows the colon in `configs/toy_ar1.py:size=small`, as a dict.

    Args:
        arg: `key=value`, separated by commas; "" for none.
        choices: values that each key may have; the first is taken where the key is not given.

    Raises:
        ValueError: on another key or value, or one given twice.
    """
    found: dict[str, str] = {}
    for item in arg.split(",") if arg else []:
        key, _, value = item.partition("=")
        if key not in choices:
            raise ValueError(f"unknown key {key!r} in {arg!r}; known keys: {', '.join(choices)}")
        if value not in choices[key]:
            raise ValueError(f"{key} is {value!r} in {arg!r}; it may be {', '.join(choices[key])}")
        if key in found:
            raise ValueError(f"{key} is given twice in {arg!r}")
        found[key] = value
    return {**{key: values[0] for key, values in choices.items()}, **found}


def base_model(size: str) -> dict[str, Any]:
    """The base of the video network, as `video.layout.Model` reads it: `paper` is ADM's of 128 px but for its heads."""
    pictures = dict(c_in=3, c_out=3, dropout=0.0, classes=None)
    match size:
        case "tiny":
            shape = dict(size=64, channels=48, multipliers=(1, 2, 2), blocks=1, attention=(4,), patch=4, groups=8)
            return pictures | shape | dict(heads=dict(channels=48), remat="none")
        case "small":
            shape = dict(size=128, channels=128, multipliers=(1, 1, 2, 3, 4), blocks=2, attention=(16, 8))
            return pictures | shape | dict(patch=1, groups=32, heads=dict(channels=64), remat="none")
        case _:
            shape = dict(size=128, channels=256, multipliers=(1, 1, 2, 3, 4), blocks=2, attention=(32, 16, 8))
            return pictures | shape | dict(patch=1, groups=32, heads=dict(channels=128), remat="full", dropout=0.1)


def video_diffusion(size: str, **changes: Any) -> dict[str, Any]:
    """The section `diffusion` of the base, and so of all that begins from it."""
    tiny = size == "tiny"
    return (
        dict(
            schedule="linear",
            # Noise does not pass through patches of as many numbers as features are wide; pictures do.
            prediction="x0" if tiny else "eps",
            weighting=dict(name="min_snr", gamma=5.0) if tiny else "uniform",
            times="stratified",
            sampler="dpm_solver_2m",
            grid="uniform_logsnr",
            steps=12,
            temperature=1.0,
            threshold="clip",
            scales=(1.0,),
        )
        | changes
    )


def control_model(size: str) -> dict[str, Any]:
    """What is steered and how, as `video.stage.Control` reads it, the same on single frames and on clips."""
    return dict(
        base=base_model(size),
        shown=dict(steering=("dense", "label", "warp", "composite"), labels=18),
        given=dict(boxes=0.15, grown=0.5, hidden=0.1, patch=8),
        # A base of three million parameters leaves its decoder something to learn; one that was made for all pictures
        # stays as it is.
        trained=("control/",),
        # Features of patches of four have no room for all that can be seen in the reference.
        pasted=("reference", "warp", "composite") if size == "tiny" else (),
    )


def control_diffusion(size: str) -> dict[str, Any]:
    """The section `diffusion` of the control network."""
    return video_diffusion(
        size,
        # Layout is decided at high noise alone, and a control network has layout to learn.
        times=dict(name="towards_noise", share=0.5, start=0.65),
        drop=0.1,
        masks=dict(none=0.4, first=0.4, ends=0.1, random=0.1),
        context_noise=0.3,
        # SNR alone, of x_0, would let what is decided at high noise count nothing: 0.007 at t = 0.7.
        weighting=dict(name="truncated_snr", low=1.0, high=5.0) if size == "tiny" else "uniform",
        # What a small network is unsure of is noise in its samples, three decibels more than in their mean.
        **(dict(steps=4, temperature=0.3) if size == "tiny" else dict(temperature=1.0)),
    )


def sr_model(size: str, pixels: int, low: int) -> dict[str, Any]:
    """Super-resolution from `low` to `pixels`, as `video.superres.SuperRes` reads it: Efficient UNets."""
    pictures = dict(size=pixels, c_in=6, c_out=3, dropout=0.0, classes=None, skips=0.5**0.5, attention=())
    match size:
        case "tiny":
            shape = dict(channels=32, multipliers=(1, 2, 2), blocks=(1, 1, 2), patch=pixels // 64, groups=8)
            base = pictures | shape | dict(heads=dict(channels=32), remat="none")
        case "small":
            shape = dict(channels=64, multipliers=(1, 2, 4, 8), blocks=(1, 2, 4, 4), patch=pixels // 128, groups=32)
            base = pictures | shape | dict(heads=dict(channels=64), remat="full")
        case _:
            shape = dict(
                channels=128, multipliers=(1, 2, 4, 6, 6), blocks=(2, 2, 3, 4, 3), patch=pixels // 256, groups=32
            )
            base = pictures | shape | dict(heads=dict(channels=128), remat="full")
    return dict(
        base=base,
        shown=dict(steering=("dense", "label", "warp", "composite"), labels=18, low=low),
        given=dict(boxes=0.15, grown=0.5, hidden=0.1, patch=32),
        trained=("",),
        pasted=("reference", "warp", "composite", "low"),
        low=dict(noise=0.3, level=0.1, blur=1.0),
        crop=pixels // 2,
    )


def sr_diffusion(size: str) -> dict[str, Any]:
    """The section `diffusion` of super-resolution: x_0 at all sizes, since its answer takes from pictures."""
    return dict(
        schedule="cosine",
        prediction="x0",
        weighting=dict(name="truncated_snr", low=1.0, high=5.0),
        times="stratified",
        drop=0.1,
        masks=dict(none=0.4, first=0.4, ends=0.1, random=0.1),
        context_noise=0.3,
        sampler="dpm_solver_2m",
        grid="uniform_logsnr",
        steps=4 if size == "tiny" else 12,
        begin=0.6,
        threshold="clip",
        scales=(1.0,),
    )


def optimizer(rate: float, steps: int, warmup: int, decay: str = "cosine") -> dict[str, Any]:
    """The section `optim`: Adam without weight decay, and clipped gradients."""
    return dict(
        learning_rate=rate,
        warmup=warmup,
        decay=decay,
        steps=steps,
        clip=1.0,
        weight_decay=0.0,
        b1=0.9,
        b2=0.999,
        eps=1e-8,
    )
