"""How large a LAVA job and what is made of it may be."""

from wsgi_app.documents.yamltext import Limits

#: reading as many values takes 20 ms, thrice that on a busy machine
LIMITS = Limits(size=1024 * 1024, values=10_000, letters=2 * 1024 * 1024, depth=100)
#: letters of a job's name
JOB_NAME = 200
#: letters of a test's name: it is a part of the name of each of its results
TEST_NAME = 200
#: bytes of all tasks' scripts and parameters together
MOST_BYTES = 32 * 1024 * 1024
#: warnings that a job keeps
MOST_WARNINGS = 100
#: seconds of a timeout: about 24 days
LONGEST = 2**31 // 1000
#: definitions of a job that are fetched, and seconds after which no further one is
MOST_FETCHED = 100
FETCH_SECONDS = 15.0
