"""Random damage to every format that mmlab reads, and what may become of it.

Read in this order: mutations -> judging -> captions, features, words, datasets, media ->
formats -> running. `tools/fuzz.py` runs all of it, `tests/test_fuzzing.py` a part.
"""
