"""Jobs and recipes as documents: Beaker's XML and our own JSON, in and out."""
