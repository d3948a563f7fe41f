"""Classic BPF, the slow and obvious way: one packet, Python numbers, a loop over (code, jt, jf, k)."""

from collections.abc import Sequence

WORD = 2**32


def run(program: Sequence[tuple[int, int, int, int]], packet: bytes, wire: int) -> int:
    """What the program returns; 0 where it is to reject. After the BSD man page bpf(4)."""
    a = x = 0
    memory = [0] * 16
    pc = 0
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        source = x if code & 8 else k
        match code & 7:
            case 0 | 1 as register:
                width = {0x00: 4, 0x08: 2, 0x10: 1}[code & 0x18]
                match code & 0xE0:
                    case 0x00:
                        value = k
                    case 0x80:
                        value = wire % WORD
                    case 0x60:
                        value = memory[k]
                    case mode:
                        at = k + (x if mode == 0x40 else 0)
                        octets = packet[at : at + width]
                        if len(octets) < width:
                            return 0
                        value = int.from_bytes(octets, "big")
                        if mode == 0xA0:
                            value = value % 16 * 4
                a, x = (value, x) if register == 0 else (a, value)
            case 2:
                memory[k] = a
            case 3:
                memory[k] = x
            case 4:
                if code & 0xF0 in (0x30, 0x90) and source == 0:
                    return 0
                a = _ARITHMETIC[code & 0xF0](a, source) % WORD
            case 5:
                if code & 0xF0 == 0:
                    pc += k
                else:
                    pc += jt if _CONDITIONS[code & 0xF0](a, source) else jf
            case 6:
                return a if code & 0x18 == 0x10 else k
            case 7:
                a, x = (x, x) if code & 0x80 else (a, a)


_ARITHMETIC = {
    0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b, 0x30: lambda a, b: a // b,
    0x40: lambda a, b: a | b, 0x50: lambda a, b: a & b, 0x60: lambda a, b: a << b if b < 32 else 0,
    0x70: lambda a, b: a >> b if b < 32 else 0, 0x80: lambda a, _: -a, 0x90: lambda a, b: a % b, 0xA0: lambda a, b: a ^ b,
}
_CONDITIONS = {0x10: lambda a, b: a == b, 0x20: lambda a, b: a > b, 0x30: lambda a, b: a >= b, 0x40: lambda a, b: a & b != 0}
