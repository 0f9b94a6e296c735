"""Readers of formats, one module each: where a data set's images lie and what was said of them."""
