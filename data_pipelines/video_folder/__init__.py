"""A data set of a user's own videos: found in a folder, cut, looked at, fitted, filtered, framed."""
