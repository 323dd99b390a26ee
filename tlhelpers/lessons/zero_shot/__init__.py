"""What is particular to lesson 09, Zero-shot learning."""
