"""Jobs as texts that submitters of LAVA send."""

#: for one device of type `bench`; with a comment and letters that are not ASCII
ONE = """# smøke — keep me
job_name: smøke
visibility: public
device_type: bench
timeouts:
  job: {minutes: 5}
metadata: {build: "7"}
actions:
- test:
    definitions:
    - from: inline
      name: smoke
      path: inline/smoke.yaml
      repository:
        metadata: {format: Lava-Test Test Definition 1.0, name: smoke}
        run:
          steps: [echo hello]
"""

#: for two devices at the same time
TWO = """job_name: pair
visibility: public
protocols:
  lava-multinode:
    roles:
      server: {device_type: bench, count: 1}
      client: {device_type: bench, count: 1}
timeouts:
  job: {minutes: 5}
actions:
- test:
    role: [server, client]
    definitions:
    - from: inline
      name: smoke
      path: inline/smoke.yaml
      repository:
        metadata: {format: Lava-Test Test Definition 1.0, name: smoke}
        run:
          steps: [echo hello]
"""
