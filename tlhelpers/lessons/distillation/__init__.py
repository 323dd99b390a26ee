"""What is particular to lesson 11, Distillation."""
