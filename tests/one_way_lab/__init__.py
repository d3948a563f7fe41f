"""Three sites, two emulated links, an address translator and a control network: what one-way measurement is tried on, live.

Read in this order: `topology` (hosts and links), `traffic` (what is sent), `taps` (what passed the four places, by the links'
logs), `truth` (what should come out for each packet), `site` (probes and collectors), `play` (what happens to them), `judge`
(compares). `docs/lab.md` is the guide.
"""
