"""How a driver reaches its device: `base` is what all transports share, `mmio` the registers."""
