"""Depth maps for nextgpt: how far everything is that a picture shows."""
