"""The model for programs without this package."""
