"""One file per maker: what its virtual modems do, with the evidence for it."""
