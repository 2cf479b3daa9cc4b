"""What should be built instead: spaces, studies, environments, optimisers, executors, stored results."""
