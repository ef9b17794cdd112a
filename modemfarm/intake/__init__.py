"""The one way in for messages."""
