"""From sound to what the motion network hears, and from text to sound."""
