"""The local tasks: posted by the accounts scan, done by the consumers of the chores queue."""
