"""What is particular to lesson 00, Start here."""
