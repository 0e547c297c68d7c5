"""The commands that need a live system. Each is imported only when it is run."""
