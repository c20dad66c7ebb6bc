"""The messages that were put aside: what they are, and what an operator does with them."""
