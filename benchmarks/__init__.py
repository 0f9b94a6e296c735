"""Other people's segmenters, trained on the terms of a comparison; no part of the package."""
