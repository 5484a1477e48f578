"""The publisher: tells what happens to those who listen, as it happens. Source: readers-lava.md section 9."""
