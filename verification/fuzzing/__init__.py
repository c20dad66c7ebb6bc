"""Inputs that nobody has thought of, for all that reads what others have written."""
