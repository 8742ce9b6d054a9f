"""What can be wrong with a file that a person hands in."""

from glucoflow.model.errors import GlucoflowError


class UnreadableFile(GlucoflowError):
    """The file is none that is known here, or holds nothing to report on."""

    exit_code = 65  # EX_DATAERR
