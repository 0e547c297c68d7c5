"""What callers hand in, as our types or refused: the door of the Python API."""
