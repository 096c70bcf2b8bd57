"""What `masklet track` writes beside the journal: one entry of `WRITERS` for each --format."""
