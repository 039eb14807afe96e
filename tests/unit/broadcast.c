static void unit_broadcast(void) {}
