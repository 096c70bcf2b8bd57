"""Protocols: what is prompted and tracked, and which frames count."""
