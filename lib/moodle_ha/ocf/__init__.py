"""What Pacemaker demands of any resource agent; knows nothing of what is managed."""
