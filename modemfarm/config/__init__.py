"""config.yaml -> each room's settings."""
