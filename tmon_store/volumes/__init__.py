"""Volumes per hour and day: who exchanged how much with whom, for what service, between which activities, locations, countries.

The data's way, for one day: `ftp` finds the flows that carried data of FTP; `first_level` sums the counters of flows up by the two
hosts and the service (`service` says which port of a flow that is) and places them in the organisation (`ends`); `views` asks.
`aggregate` runs it. All is SQLAlchemy Core, the same on every engine.
"""
