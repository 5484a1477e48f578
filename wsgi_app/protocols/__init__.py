"""How foreigners speak to us: each protocol decodes, calls one gateway method, and encodes."""
