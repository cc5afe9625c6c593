"""How good motion and pictures are, one file a metric: pure functions of arrays and records, numpy in and numpy out.

Motion:

- `lip_error`: how far the lips are from where they should be, mm.
- `aperture`: how far the mouth is open, mm, and how well two such curves agree.
- `closure`: how many bilabials close the lips.
- `rest`: how many frames without speech leave the mouth at rest.
- `jerk`: how smooth movement is.
- `blinks`: how many there are.
- `spread`: how much expression, head and hands move.
- `diversity`: how much samples of one audio differ, and how much one moves about its mean.
- `beats`: whether movement keeps time with the sound (EMAGE's beat consistency).
- `joint_limits`: how many frames have an arm or a hand where none can be.
- `gesture_distance`: whether many clips together move as people do (Fréchet gesture distance), of raw windows
  (`gesture_windows`) or of the latents of `gesture_autoencoder`.

Pictures, by `regions` of them:

- `pixel_error`: PSNR and L1.
- `structure`: SSIM.
- `sharpness`: the energy of gradients.
- `flicker`: whether frames hang together, and windows of long videos.

Metrics of a clip are numbers, or `count.Count` where clips are to be pooled. `posed` poses what they look at.
"""
