"""What looks for defects that no test was written for: `./dev verify`."""
