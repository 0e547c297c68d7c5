"""Weights and data from files, packages and hubs, verified and kept in a cache."""
