"""A scripted conversation: read, played, and shown as one HTML page."""
