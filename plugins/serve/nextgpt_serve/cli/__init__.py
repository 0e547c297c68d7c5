"""The commands `nextgpt serve` and `nextgpt keys`."""
