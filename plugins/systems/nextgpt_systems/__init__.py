"""The full-size systems, their twins, and the way from published checkpoints to their parts."""
