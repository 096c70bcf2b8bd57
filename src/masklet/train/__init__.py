"""Training: recipes, prompt simulation, losses and one linear loop."""
