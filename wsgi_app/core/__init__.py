"""The rules. No HTTP, no XML, no SQL text: one method a verb, one transaction a method."""
