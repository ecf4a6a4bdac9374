"""What writes the parts of the site that a program can say better than a hand."""
