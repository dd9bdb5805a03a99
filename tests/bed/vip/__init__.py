"""ocf:moodle:vip on real links, among real neighbours."""
