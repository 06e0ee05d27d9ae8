"""vocab: the one published standard as data, and what is made from it: @context, JSON Schema, checks, code lists.

A type is one file under types/, a code list one under lists/; the loader refuses files in which a name has two
meanings or an attribute has no privacy class, purpose or retention. From there an entity's attributes travel through
one compiled check each, in a node as they are written, in the judge (`linli check`) as a vendor has them. Whatever is
found names its place and rule, with words in both languages (faults.toml). vocab never stores, never asks who is
asking, and knows no rule of a service.
"""

from ._faults import Fault
from ._judge import Judge, Verdict
from ._model import MEMBER, Attribute, AttributeKind, CodeList, EntityType, Words
from ._never import FORBIDDEN_NAME
from ._pages import published, reference_pages
from ._publish import CONTEXT_URL, CORE_CONTEXT_URL
from ._values import MANY_MAX, STRING_LETTERS_MAX, TEXT_LETTERS_MAX
from ._vocab import Vocab, build, role_titles, vocabulary

__all__ = [
    "CONTEXT_URL",
    "CORE_CONTEXT_URL",
    "FORBIDDEN_NAME",
    "MANY_MAX",
    "MEMBER",
    "STRING_LETTERS_MAX",
    "TEXT_LETTERS_MAX",
    "Attribute",
    "AttributeKind",
    "CodeList",
    "EntityType",
    "Fault",
    "Judge",
    "Verdict",
    "Vocab",
    "Words",
    "build",
    "published",
    "reference_pages",
    "role_titles",
    "vocabulary",
]
