"""What is particular to lesson 14, Your own images."""
