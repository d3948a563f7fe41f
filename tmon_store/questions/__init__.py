"""Ready-made questions to a database, by name. docs/queries.md is written from them."""

from tmon_store.questions import errors, loaded, one_way, records, round_trips, story, tcp, traffic
from tmon_store.questions.question import Question

THEMES = (traffic, round_trips, one_way, tcp, records, errors, story, loaded)
QUESTIONS: dict[str, Question] = {q.name: q for theme in THEMES for q in theme.QUESTIONS}
