"""A data set made at run time from files inside the package, and the run on it."""
