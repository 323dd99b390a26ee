"""What is particular to lesson 01, Why transfer?."""
