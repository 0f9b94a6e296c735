"""Train a semantic segmenter from many images with tags and a handful with masks."""
