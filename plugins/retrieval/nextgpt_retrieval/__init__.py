"""Answers with real media: the nearest item of a library, with its score and source."""
