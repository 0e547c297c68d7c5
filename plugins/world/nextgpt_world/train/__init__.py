"""How the world's judges and chat were made: needs `nextgpt-world[train]`."""
