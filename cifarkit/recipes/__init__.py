"""How to train, as values: recipes, losses, optimisers and learning-rate schedules."""
