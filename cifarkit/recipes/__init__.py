"""How to train, as values: the recipe, the optimisers, the learning-rate schedules."""
