"""Methods beside ours, trained and scored on the same images and masks."""
