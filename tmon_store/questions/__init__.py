"""Ready-made questions to a database, by name. docs/queries.md is written from them."""

from tmon_store.questions import one_way, round_trips, traffic
from tmon_store.questions.question import Question

QUESTIONS: dict[str, Question] = {q.name: q for theme in (traffic, round_trips, one_way) for q in theme.QUESTIONS}
