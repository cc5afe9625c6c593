"""The body: SMPL-X's file layout and joint conventions, rotations, cameras, and a default body of CC0 data."""
