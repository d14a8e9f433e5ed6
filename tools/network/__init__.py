"""Networks for boards, of processes of this user alone: an Ethernet switch, and what is on it."""
