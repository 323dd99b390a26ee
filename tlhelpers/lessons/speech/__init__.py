"""What is particular to lesson 13, Transfer for speech."""
