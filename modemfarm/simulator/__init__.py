"""Virtual modems and a virtual network, for demo, tests and other programs."""
