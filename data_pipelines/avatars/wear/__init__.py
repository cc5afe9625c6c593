"""What people wear and what grows on them: drawn as plain numbers, and made into pieces of an `Outfit`."""

from data_pipelines.avatars.wear.choose import sample
from data_pipelines.avatars.wear.styles import Wear

__all__ = ["Wear", "sample"]
