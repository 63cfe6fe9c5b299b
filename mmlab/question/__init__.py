"""Questions of several parts: what is asked, how it is fused, what is answered.

Order of reading: `parts` (what a question is), `subsets` (the parts' embeddings), `compose` (one
vector of them), `words` (which words are known), `answers` (asking a retriever), `why` (what made
an answer one, with `shares`), `probes` and `measured` (what modalities are worth over all clips),
`uploads` (a file of one's own).
"""

from mmlab.question.answers import Answers, Asker
from mmlab.question.compose import Composed
from mmlab.question.parts import Fusion, Part, Question
from mmlab.question.words import WordsKnown, known_words

__all__ = [
    "Answers",
    "Asker",
    "Composed",
    "Fusion",
    "Part",
    "Question",
    "WordsKnown",
    "known_words",
]
