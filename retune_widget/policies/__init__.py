"""What steers by itself: schedules, which know the step alone, and rules, which read the history."""
