"""Campaigns at work: how they get their targets, what their steps run, what came of it, and what comes next."""
