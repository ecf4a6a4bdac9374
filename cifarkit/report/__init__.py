"""What a run leaves for people: the figures, the numbers as JSON, the page to hand in."""
