"""What is particular to lesson 06, Negative transfer and domain mismatch."""
