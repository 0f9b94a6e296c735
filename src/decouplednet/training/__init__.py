"""The two optimisations in order, and what a run leaves behind."""
