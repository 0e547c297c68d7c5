"""How the finder is trained, on pictures of mini's world. Imported by its command alone."""
