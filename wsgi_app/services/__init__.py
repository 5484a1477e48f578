"""The processes of one Tackroom: how each is started, and what the timer does."""
