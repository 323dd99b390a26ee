"""What is particular to lesson 07, Choosing a pretrained model."""
