"""PDUs between probes and collectors: header, seal, and the columnar codec of observation rows. Bytes: docs/protocol.md."""
