"""The suite `any2any-free`: requests in words that no training dialogue shares, as data."""
