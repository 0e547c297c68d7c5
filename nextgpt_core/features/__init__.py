"""Media into features, for answers and for training alike, and what is kept of them."""
