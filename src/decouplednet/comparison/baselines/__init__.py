"""Baselines: what people would use in place of the method, given all it needs to do well."""
