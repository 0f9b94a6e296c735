"""Pre-labels: tagged images segmented under their tags, for people to correct in their own tool."""
