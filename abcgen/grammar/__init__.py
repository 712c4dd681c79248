"""The grammar of model text."""

from abcgen.grammar.constraint import Grammar, PrefixConstraint
from abcgen.grammar.form import ANY_METRE, Form, Rules, SectionPlan
from abcgen.grammar.state import END

__all__ = ["ANY_METRE", "END", "Form", "Grammar", "PrefixConstraint", "Rules", "SectionPlan"]
