/* Unit tests of request. */

static void unit_request(void)
{
}
