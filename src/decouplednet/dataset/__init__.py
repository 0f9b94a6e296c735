"""Records to tensors: the one preprocessing, augmentation and the two torch data sets."""
