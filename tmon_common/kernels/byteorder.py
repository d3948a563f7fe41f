"""Numbers out of octets. The caller has checked that the octets are there."""

from numba import int64, njit, uint32, uint64


@njit(cache=True, nogil=True, inline="always")
def be16(data, at):
    """Unsigned 16-bit number, network byte order, from data (uint8 array) at position `at`; int64."""
    return (int64(data[at]) << 8) | int64(data[at + 1])


@njit(cache=True, nogil=True, inline="always")
def be32(data, at):
    """Unsigned 32-bit number, network byte order; int64."""
    return (int64(data[at]) << 24) | (int64(data[at + 1]) << 16) | (int64(data[at + 2]) << 8) | int64(data[at + 3])


@njit(cache=True, nogil=True, inline="always")
def be64(data, at):
    """Unsigned 64-bit number, network byte order; uint64."""
    return (uint64(be32(data, at)) << uint64(32)) | uint64(be32(data, at + 4))


@njit(cache=True, nogil=True, inline="always")
def le32(data, at):
    """Unsigned 32-bit number, little endian; int64."""
    return (int64(data[at + 3]) << 24) | (int64(data[at + 2]) << 16) | (int64(data[at + 1]) << 8) | int64(data[at])


@njit(cache=True, nogil=True, inline="always")
def u16(data, at, big):
    """Unsigned 16-bit number, big endian if `big`; int64."""
    if big:
        return be16(data, at)
    return (int64(data[at + 1]) << 8) | int64(data[at])


@njit(cache=True, nogil=True, inline="always")
def u32(data, at, big):
    """Unsigned 32-bit number, big endian if `big`; int64."""
    return be32(data, at) if big else le32(data, at)


@njit(cache=True, nogil=True, inline="always")
def low32(value):
    """The low 32 bits of an int64, as uint32."""
    return uint32(value & 0xFFFFFFFF)
