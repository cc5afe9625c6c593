"""The synthetic MENTOR: people who do not exist, who talk before a camera, with exact truth for everything."""
