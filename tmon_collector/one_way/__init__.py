"""One-way reconciliation: observations of packets from several probes become delays and losses.

observed -> join -> verdicts -> statistics -> rows; `engine` lets a round of packet time through when all probes have delivered it.
"""
