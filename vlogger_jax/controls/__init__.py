"""From a posed body to the images that steer the video network (paper section 3.1)."""
