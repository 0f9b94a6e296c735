"""Images whose tags are probably wrong or missing."""
