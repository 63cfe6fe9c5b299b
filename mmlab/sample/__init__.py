"""The sample corpus: short cooking videos of our own making, with everything known about them.

Read in this order: vocabulary -> world -> captions -> picture, ingredients, vessels, tools,
kitchen -> motion, effects, scene -> sound -> movie -> formats -> ceiling -> corpus.
"""

from mmlab.sample.corpus import ceilings, load_truth, make_corpus

__all__ = ["ceilings", "load_truth", "make_corpus"]
