"""What is particular to lesson 08, Domain adaptation."""
