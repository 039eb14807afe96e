static void unit_requests(void) {}
