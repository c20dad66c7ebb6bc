"""What the log tells: each event once, with its name, level, text, meaning, and what to do."""
