"""The smallest stage: two made-up data sets, a network and its loss. The running example of `docs/training.md`.

Stages of real data have the same files: network, loss, sample, stage.
"""
