"""How mini's own parts were made: text encoder, autoencoders, decoders. Not the LLM stages."""
