"""What is particular to lesson 03, Fine-tuning."""
