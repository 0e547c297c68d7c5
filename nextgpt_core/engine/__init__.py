"""The request loop: prefill, write, decode beside it, and tell what happens.

Re-exports nothing: a decoder's own process imports `engine.child`, and must not pay for the rest.
"""
