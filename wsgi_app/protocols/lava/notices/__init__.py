"""What receivers are told of a job, as LAVA does: callbacks, mails, IRC. Source: readers-lava.md section 10."""
