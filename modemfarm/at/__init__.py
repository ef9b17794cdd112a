"""The AT dialogue of TS 27.007 and TS 27.005 as a sans-IO machine."""
