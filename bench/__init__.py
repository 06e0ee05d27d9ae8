"""Questions that are answered with figures: `python -m bench [names]`; one file a question, all in results.json.

A bench prints JSON lines on stdout, one a case: {"bench", "case", "unit", ..., "ok", "env"}. `ok` says that what was
measured was also right; no bench fails because a machine is slow.
"""
