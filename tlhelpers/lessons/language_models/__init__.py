"""What is particular to lesson 12, Transfer of language models."""
