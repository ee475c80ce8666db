"""What a user can put right."""


class UserError(ValueError):
    """Bad input: the message names the file, the field, the value and what is allowed."""


class NoStudyError(UserError):
    """There is no study where one was asked for."""


class StorageLostError(UserError):
    """The database went away while a study ran; what was finished is in it."""


class ClusterLostError(UserError):
    """The scheduler of a cluster went away while a study ran; what was finished is recorded."""


class RunningError(UserError):
    """Another process runs the study."""
