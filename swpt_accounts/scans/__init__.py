"""The slow scans of whole tables."""
