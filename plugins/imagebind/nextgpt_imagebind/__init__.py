"""ImageBind as encoders of six modalities, for nextgpt."""
