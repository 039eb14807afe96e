/* Unit tests of proxy. */

static void unit_proxy(void)
{
}
