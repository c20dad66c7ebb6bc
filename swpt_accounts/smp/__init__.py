"""The language: message types, their validation, encoding and routing."""
