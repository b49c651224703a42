"""Comparing this machine's clock with another's."""

from b24app.operations.doctor.findings import Finding, error, ok, warning

WARN_AFTER, FAIL_AFTER = 2.0, 30.0  # seconds
MEND = "Let NTP set the clocks of all machines."


def compare_clocks(whose: str, theirs: float, before: float, after: float) -> Finding:
    """Return what to say of a clock that was read between two moments of ours."""
    # Whatever the answer's way took is no difference.
    skew = max(0.0, before - theirs, theirs - after)
    if skew > FAIL_AFTER:
        return error(f"This machine's clock and that of {whose} differ by {skew:.0f} s, so messages wait.", MEND)
    if skew > WARN_AFTER:
        return warning(f"This machine's clock and that of {whose} differ by {skew:.1f} s.", MEND)
    return ok(f"This machine's clock and that of {whose} agree.")
