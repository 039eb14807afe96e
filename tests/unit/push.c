/* Unit tests of push. */

static void unit_push(void)
{
}
