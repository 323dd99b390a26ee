"""What is particular to lesson 10, Unsupervised transfer."""
