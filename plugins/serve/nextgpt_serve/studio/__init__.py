"""The page: a small one of our own, on the same routes as every client."""
