"""Floor 7: building, opening, testing and reporting the course."""
