"""What the home pages show: read across slices, each list in one statement."""
