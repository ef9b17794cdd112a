"""How long tests wait on real time for threads, processes and ports: it ends what hangs, and never decides."""

from __future__ import annotations

PATIENT_S = 240.0  # for one step that a quiet machine does in a few seconds
BUSY = 8.0  # so many times slower may a machine be that others use too
