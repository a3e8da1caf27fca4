"""Estimators that learn nothing: the floors that a network must beat."""
