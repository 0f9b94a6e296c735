"""The command line: read, call the library, write, say what happened."""
