"""Pre-labels in the formats that annotation tools import, one module for each format."""
