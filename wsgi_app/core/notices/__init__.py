"""Who is told of which recipe, when: decided from the outbox. Source: readers-lava.md section 10."""
