"""What is particular to lesson 04, Incremental (continual) learning."""
