"""Words typed on the command line become calls."""
