"""The modality `frozen-1-0` for nextgpt."""
