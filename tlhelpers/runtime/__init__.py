"""Floor 1: device, store (cache, atomic files, checksums), language."""
