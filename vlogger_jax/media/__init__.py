"""Videos, sounds and pictures to numpy and back: the only place that touches codecs."""
