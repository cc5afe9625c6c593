"""Made-up people who talk before a camera, with the exact landmarks that a perfect detector would see."""

import dataclasses

import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, smplx
from vlogger_jax.core.records import Camera, Motion
from vlogger_jax.fit.landmarks import Landmarks
from vlogger_jax.fit.points import POSE_JOINTS, hand_points

SIZE = (512, 512)

ARMS = {  # degrees: how people hold their arms when they talk, of the left side; mean and half range
    "collar": ((0, 0, -3), (3, 5, 4)),
    "shoulder": ((8, -22, -60), (12, 15, 10)),
    "elbow": ((15, -85, 0), (15, 30, 0)),
    "wrist": ((-15, 0, 0), (15, 10, 20)),
}
HEAD = {"neck": (6, 10, 5), "head": (8, 15, 7), "spine1": (2, 3, 2), "spine2": (2, 3, 2), "spine3": (2, 3, 2)}


def wave(rng: np.random.Generator, frames: int, fps: float, slowest: float, fastest: float, *shape: int) -> np.ndarray:
    """Smooth noise between -1 and 1, [frames, *shape]: three sines of random rates (Hz) and phases each."""
    time = np.arange(frames).reshape(-1, *[1] * (len(shape) + 1)) / fps
    rate, phase = rng.uniform(slowest, fastest, (3, *shape)), rng.uniform(0, 2 * np.pi, (3, *shape))
    return np.sin(2 * np.pi * rate * time + phase).mean(axis=1) * 1.4


def clip(model: smplx.BodyModel, seed: int, frames: int = 24, fps: float = 24.0) -> tuple[Motion, Camera]:
    """Somebody who talks with head, hands and face, framed from the head to the hands."""
    rng = np.random.default_rng(seed)
    pose = np.zeros((frames, 55, 3), np.float32)
    pose[:, 0] = np.deg2rad((4, 15, 3)) * (0.8 * rng.uniform(-1, 1, 3) + 0.2 * wave(rng, frames, fps, 0.1, 0.4, 3))
    for name, spread in HEAD.items():
        pose[:, names.JOINTS.index(name)] = np.deg2rad(spread) * wave(rng, frames, fps, 0.1, 0.7, 3)
    for side, mirror in (("left", (1, 1, 1)), ("right", (1, -1, -1))):
        for name, (mean, spread) in ARMS.items():
            swing = 0.6 * rng.uniform(-1, 1, 3) + 0.4 * wave(rng, frames, fps, 0.2, 0.8, 3)
            pose[:, names.JOINTS.index(f"{side}_{name}")] = np.deg2rad((mean + spread * swing) * np.float64(mirror))
    for start, prior in ((25, model.left_hand), (40, model.right_hand)):
        curl = 1.0 + 0.8 * wave(rng, frames, fps, 0.2, 0.8, 15, 1)
        pose[:, start : start + 15] = curl * np.asarray(prior.mean).reshape(15, 3)
    expression = np.zeros((frames, model.num_expression), np.float32)

    def express(name: str, most: float, slowest: float = 0.5, fastest: float = 3.0) -> None:
        index = model.expression_names.index(name)
        expression[:, index] = most * np.clip(wave(rng, frames, fps, slowest, fastest) + 0.2, 0, 1)

    express("jawOpen", 0.7, 1.0, 4.0)
    for name in ("mouthFunnel", "mouthPucker", "mouthRollLower", "mouthShrugUpper", "browInnerUp"):
        express(name, 0.5)
    for name in ("mouthSmile", "mouthUpperUp", "mouthLowerDown", "browOuterUp", "browDown", "mouthStretch"):
        express(f"{name}Left", 0.4)
        expression[:, model.expression_names.index(f"{name}Right")] = expression[
            :, model.expression_names.index(f"{name}Left")
        ]
    since = (np.arange(frames) / fps + rng.uniform(0.0, 1.6)) % 1.6 - 0.8  # s from a blink's middle
    blink = np.clip(1.5 - np.abs(since) / 0.08, 0, 1)
    for side in ("Left", "Right"):
        expression[:, model.expression_names.index(f"eyeBlink{side}")] = blink
    gaze = np.deg2rad((6, 12, 0)) * wave(rng, frames, fps, 0.2, 1.0, 3)
    depth = rng.uniform(0.85, 1.1)
    motion = Motion(
        betas=rng.standard_normal(model.num_betas).astype(np.float32),
        expression=expression,
        global_orient=pose[:, 0],
        body_pose=pose[:, 1:22],
        jaw_pose=smplx.arkit_jaw_pose(model, expression).astype(np.float32),
        leye_pose=gaze.astype(np.float32),
        reye_pose=gaze.astype(np.float32),
        left_hand_pose=pose[:, 25:40],
        right_hand_pose=pose[:, 40:55],
        transl=np.zeros((frames, 3), np.float32),
        fps=fps,
        body=model.name,
    )
    camera = cameras.from_focal(float(1.2 * max(SIZE) * np.exp(0.15 * rng.standard_normal())), SIZE)
    joints = smplx.pose(model, motion).joints[:, [*range(12, 22), *range(76, 127)]]
    low, high = joints.min(axis=(0, 1)), joints.max(axis=(0, 1))
    tall = float((high - low)[1] + 0.15)
    distance = depth * float(camera.focal) * tall / SIZE[0] / 0.9
    middle = (low + high) / 2 + np.float32([0, 0.04, 0])
    sway = 0.02 * wave(rng, frames, fps, 0.1, 0.5, 3)
    transl = np.float32([0, 0, -distance]) - middle * np.float32([1, 1, 0]) + sway
    return dataclasses.replace(motion, transl=transl.astype(np.float32)), camera


def landmarks(model: smplx.BodyModel, motion: Motion, camera: Camera, noise: float, seed: int = 0) -> Landmarks:
    """What a detector with `noise` pixels of independent error would report; what is outside of the image is unseen."""
    rng = np.random.default_rng([seed, 1])
    posed = smplx.pose(model, motion)
    corners = posed.vertices[:, np.asarray(model.faces)[model.mediapipe_faces]]
    face = (corners * np.asarray(model.mediapipe_bary)[..., None]).sum(axis=-2)
    scale = float(camera.focal) / -float(face[..., 2].mean())

    def see(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pixels, depth = cameras.project(camera, points.astype(np.float32))
        pixels = pixels + noise * rng.standard_normal(pixels.shape)
        z = scale * (depth - depth.mean(axis=-1, keepdims=True)) + noise * rng.standard_normal(depth.shape)
        height, width = camera.size
        inside = ((pixels >= 0) & (pixels <= (width, height))).all(axis=-1)
        return np.concatenate([pixels, z[..., None]], axis=-1).astype(np.float32), inside.astype(np.float32)

    frames = len(face)
    pose, pose_confidence = np.zeros((frames, 33, 3), np.float32), np.zeros((frames, 33), np.float32)
    index = list(POSE_JOINTS)
    pose[:, index], pose_confidence[:, index] = see(
        posed.joints[:, [names.JOINTS.index(name) for name in POSE_JOINTS.values()]]
    )
    hands = {}
    for side in ("left", "right"):
        hands[f"{side}_hand"], hands[f"{side}_hand_confidence"] = see(posed.joints[:, hand_points(side)])
    face, face_confidence = see(face)
    return Landmarks(
        face=face,
        face_confidence=face_confidence,
        pose=pose,
        pose_confidence=pose_confidence,
        **hands,
        matte=np.zeros((frames, *camera.size), np.uint8),
        fps=motion.fps,
        size=camera.size,
    )
