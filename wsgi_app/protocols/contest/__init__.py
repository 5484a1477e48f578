"""ConTest: job control by its API, version 5. Source: protocols/jobs-contest.md; README.md says where we differ."""
