"""Checks of statements about networks, in words or numbers, that a count alone does not answer."""
