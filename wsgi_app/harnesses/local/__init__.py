"""The local harness: takes recipes from a controller and runs their tasks on this system. Standard library only."""
