"""Our own autoencoder of gestures, whose latents the Fréchet gesture distance is of.

It is a stage like others: trained by `launch.train`, kept in a bundle. A distance belongs to the parameters that it was
measured with; `latents.load` takes them.
"""
