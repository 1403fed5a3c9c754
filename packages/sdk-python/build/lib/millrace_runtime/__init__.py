"""Loads steps, runs them one at a time and tells the worker what came of it."""
