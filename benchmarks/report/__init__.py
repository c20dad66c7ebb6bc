"""Makes the numbers and the pictures of docs/performance.md from results."""
