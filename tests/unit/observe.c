static void unit_observe(void) {}
