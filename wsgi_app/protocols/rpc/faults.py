"""What a call is refused with. Numbers: http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php."""

#: the body is no XML-RPC call
INVALID_REQUEST = -32600
NO_SUCH_METHOD = -32601
INVALID_PARAMETERS = -32602
INTERNAL = -32603
#: not now, as HTTP has it: those of several calls for which there was no time
TOO_LONG = 503


class Fault(Exception):
    """A call's refusal, as its caller is told: a number and a sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
