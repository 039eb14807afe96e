/* Unit tests of relay. */

static void unit_relay(void)
{
}
