"""What is to be written: one task per idea, or one that somebody made by hand."""
