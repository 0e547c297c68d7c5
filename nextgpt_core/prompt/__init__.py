"""One sequence of positions from a conversation. Knows nothing about weights."""
