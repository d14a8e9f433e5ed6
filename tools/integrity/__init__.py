"""Whether what a board sends and receives over a bad network is what arrives."""
