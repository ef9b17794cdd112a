"""One modem: its port, its AT link, its session's steps."""
