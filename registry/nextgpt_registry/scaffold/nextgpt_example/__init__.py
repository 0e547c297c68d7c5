"""The modality `example` for nextgpt."""
