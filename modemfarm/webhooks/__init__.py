"""Tells other programs what happens, by signed HTTP calls (Standard Webhooks)."""
