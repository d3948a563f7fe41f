"""Who sends what: one file for each sort of traffic, each an actor that goes on until the run is over (`work`), all at once (`all_at_once`)."""
