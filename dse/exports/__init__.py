"""What leaves for other tools: one file a format."""
