"""Text for people, Persian first and English: which language, the sentences, and how amounts and times are written."""

from mopos.edges.i18n.lang import Lang, choose

__all__ = ["Lang", "choose"]
