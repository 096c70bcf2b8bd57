"""Recipes: functions that return a typed configuration of a training run."""
