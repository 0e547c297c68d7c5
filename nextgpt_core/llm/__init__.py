"""The language model: loading, running, adapting. Knows neither signals nor media."""
