"""The embedded default: small parts, all real, all trained here."""
