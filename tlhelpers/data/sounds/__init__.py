"""Sounds: from waves to pictures of them, spoken words, noise, and sounds that are drawn."""
