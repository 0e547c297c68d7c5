"""What this is."""

from importlib.metadata import version

VERSION = version("nextgpt-serve")
