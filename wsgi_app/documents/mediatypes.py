"""What the documents are called in which jobs come."""

JSON = "application/json"
#: Beaker's, and what it is called besides
XML = "application/xml"
XML_TYPES = (XML, "text/xml")
#: of a ConTest descriptor in JSON, which its clients send in a form
DESCRIPTOR = "application/vnd.contest.job+json"
#: LAVA's: RFC 9512, and what it is called besides
YAML = "application/yaml"
YAML_TYPES = (YAML, "application/x-yaml", "text/yaml", "text/x-yaml")
