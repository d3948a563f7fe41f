"""Events of the scheduled switch of the configuration."""

from tmon_common.events.declaration import Declaration, Severity, text

_VERSION = text("version", "the first characters of the file's SHA-256")
_START = text("start", "when it takes force")

DECLARATIONS: tuple[Declaration, ...] = (
    Declaration(
        "configuration_scheduled", Severity.INFO, "file", "{subject}: configuration {version} is valid and takes force {start}",
        "A new version of the configuration was found, and this program can start with it. It will end its work at that moment and "
        "start anew, as all others that have the same file.",
        "Nothing. Remove the file to call the switch off.",
        (_VERSION, _START)),
    Declaration(
        "configuration_refused", Severity.WARNING, "file", "{subject}: configuration {version} is refused: {problem}",
        "A new version of the configuration was found that this program cannot start with, or that cannot be put in the place of "
        "the old one. Everything goes on as before. Told once for each version of the file.",
        "Correct the file: `trafmon check-config FILE` tells all that is wrong in it. If it cannot be put in its place, make the "
        "directory writable for the program.",
        (_VERSION, text("problem", "the first that was found"))),
    Declaration(
        "configuration_cancelled", Severity.INFO, "file",
        "{subject}: gone; configuration {version}, due {start}, does not take force",
        "The file told by configuration_scheduled was removed before its time.", "Nothing, if it was meant.",
        (_VERSION, _START)),
    Declaration(
        "configuration_switched", Severity.WARNING, "file",
        "{subject}: started with configuration {version} in place of {previous}",
        "The program has started anew with another version of the configuration: between its last stop and this start nothing was "
        "measured, and flows, classes and collectors may be others from now on.",
        "Nothing, if it was meant. Look here when figures differ before and after.",
        (_VERSION, text("previous", "the version before"))),
)
