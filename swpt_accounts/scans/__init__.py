"""The slow scans of whole tables, and the local tasks that they post."""
