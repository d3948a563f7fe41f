"""Where packets come from. Every source hands over batches: octets, and per packet offset, lengths, time, interface."""
