"""Judges of what media and texts show; they share no weights with the system they judge."""
