"""The sample corpus: short cooking videos of our own making, with everything known about them.

Read in this order: vocabulary -> world -> captions -> plan; picture -> ingredients, vessels,
tools, kitchen -> camera -> table -> motion, effects -> performance -> scene; sound; movie;
formats, ceiling -> tables -> corpus; moments.
"""

from mmlab.sample.corpus import make_corpus
from mmlab.sample.moments import spoken_moments
from mmlab.sample.tables import ceilings, load_truth

__all__ = ["ceilings", "load_truth", "make_corpus", "spoken_moments"]
