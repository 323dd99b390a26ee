"""What is particular to lesson 02, Feature extraction."""
