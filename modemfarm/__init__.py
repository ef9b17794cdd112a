"""modemfarm: a box of USB GSM modems as one dependable SMS sender."""
