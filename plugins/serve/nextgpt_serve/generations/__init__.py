"""Media on their own: of any channel, and as OpenAI has them for some."""
