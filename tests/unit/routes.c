/* Unit tests of routes. */

static void unit_routes(void)
{
}
