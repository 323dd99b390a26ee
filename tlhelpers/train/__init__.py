"""Floor 3: the one training loop and what it records."""
