"""Kinds of masks that are no PNG of ids, one module each."""
