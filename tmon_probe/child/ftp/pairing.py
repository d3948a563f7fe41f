"""Which command a reply answers: in order (RFC 959 section 5.4), and what to do when one of them was not seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tmon_probe.child.ftp.commands import LOGINS, TRANSFERS, Command
from tmon_probe.child.ftp.replies import Reply

MAX_WAITING = 256
"""Commands of a session that wait for their reply; beyond that the oldest is forgotten."""
_OWN = {  # codes that only these commands are answered with
    211: {"STAT", "FEAT", "HELP", "SYST", "OPTS", "SITE", "AVBL"}, 212: {"STAT"}, 213: {"SIZE", "MDTM", "STAT", "MFMT", "HASH"},
    214: {"HELP", "SITE"}, 215: {"SYST"}, 220: {"REIN", "HOST"}, 221: {"QUIT"}, 225: {"ABOR", *TRANSFERS},
    226: {"ABOR", *TRANSFERS}, 227: {"PASV"}, 228: {"LPSV"}, 229: {"EPSV"}, 230: LOGINS, 232: LOGINS, 234: {"AUTH"},
    235: {"ADAT", "AUTH"}, 257: {"PWD", "XPWD", "MKD", "XMKD"}, 331: {"USER"}, 332: {"USER", "PASS"}, 334: {"AUTH"},
    125: TRANSFERS, 150: TRANSFERS,
}


@dataclass(eq=False, slots=True)
class Waiting:
    """A command without its final reply. subject: what the session knows of it, by verb. under_way: it has a 1xx reply."""

    command: Command
    subject: object = None
    under_way: bool = False


@dataclass(slots=True)
class Pairing:
    """forgotten: commands whose reply was not seen, in order: taken out by the caller."""

    waiting: list[Waiting] = field(default_factory=list)
    forgotten: list[Waiting] = field(default_factory=list)

    def command(self, waiting: Waiting) -> None:
        self.waiting.append(waiting)
        if len(self.waiting) > MAX_WAITING:
            self.forgotten.append(self.waiting.pop(0))

    def reply(self, reply: Reply) -> Waiting | None:
        """The command that is answered; it waits no more if the reply is final. None: nobody waits for this."""
        if not self.waiting:
            return None
        head, verbs = self.waiting[0], _OWN.get(reply.code)
        if not head.under_way and (verbs is None or head.command.verb in verbs):
            answered = head
        else:
            answered = self._answered(reply.code, verbs)
            if answered is None:
                return None
            self.forget(answered, begins=reply.code in (125, 150))
        if reply.hundreds == 1:
            answered.under_way = True
        elif answered is self.waiting[0]:
            self.waiting.pop(0)
        else:
            self.waiting.remove(answered)
        return answered

    def forget(self, up_to: Waiting | None = None, *, begins: bool = False) -> None:
        """Those before `up_to`, or all, were answered unseen. A transfer under way is yet to be, unless another one begins."""
        for before in list(self.waiting):
            if before is up_to:
                break
            if begins or not before.under_way:
                self.waiting.remove(before)
                self.forgotten.append(before)

    def _answered(self, code: int, verbs: Collection[str] | None) -> Waiting | None:
        """Where it is not simply the one that waits for longest. verbs: _OWN of the code."""
        head = self.waiting[0]
        if verbs is None:
            if head.under_way and code // 100 in (2, 3) and code != 250:  # 200 to a NOOP while a transfer goes on
                return next((w for w in self.waiting if not w.under_way), head)
            return head
        if code in (125, 150) and (waits := next((w for w in self.waiting if w.command.verb in verbs and not w.under_way), None)):
            return waits
        if head.command.verb in verbs:
            return head
        return next((w for w in self.waiting if w.command.verb in verbs), None if code == 220 else head)
