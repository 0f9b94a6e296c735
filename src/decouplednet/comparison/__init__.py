"""Several methods on the same images, masks and budget: trained, scored and set side by side."""
