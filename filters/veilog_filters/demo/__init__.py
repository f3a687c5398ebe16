"""``veilog demo``: the main job, on one screen, and over all sources on one page."""
