"""What is particular to lesson 15, From one GPU to many machines."""
