"""What is particular to lesson 05, Few-shot learning."""
