"""From a plan to a live system, and from a live system to a folder."""
