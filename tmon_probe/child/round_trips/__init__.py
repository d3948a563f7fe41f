"""Round trips: from requests and answers to samples, from samples to distributions."""
