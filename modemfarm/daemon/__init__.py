"""Builds everything once and starts every task."""
