"""What people look at: figures, reports and timelines, drawn from tables handed in; runs nothing."""
