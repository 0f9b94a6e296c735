"""The model behind a server."""
