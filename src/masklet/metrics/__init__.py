"""Measures of mask quality and the runners that apply them to data sets."""
