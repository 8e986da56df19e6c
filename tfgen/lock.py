"""A lock of processes on a file, which ends with the process that has it."""

import contextlib
import errno

# What a file system without locks answers.
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(path, blocking=True):
    """Hold the lock at `path`, where the file system has locks.

    Raises `filelock.Timeout` if another process holds it, unless `blocking`: wait for it.
    """
    import filelock

    # Never a marker in the lock's place, which would outlive a process that is killed.
    lock = filelock.FileLock(path, blocking=blocking, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    try:
        yield
    finally:
        lock.release()
