"""What exports of health data have in common: files within bounds, times, workouts, and samples by column."""
