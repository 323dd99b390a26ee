"""Floor 5: one method of transfer learning per file."""
