"""Debian's SMS Server Tools 3 and Gammu SMSD on the same virtual modems as modemfarm, in the same run."""
