/* All fuzz targets in one program, for libFuzzer or for smoke.c; TELEC_FUZZ names the one that gets
 * the inputs. A target is a file here with a function fuzz_NAME; it aborts where a property does
 * not hold. */
#define main telec_main
#include "../../teleclaude.c"
#undef main
#include "../test.h"
static long unit_allocated; /* is not counted here */
#include "../unit/vt.c"

#include "config.c"
#include "fleet.c"
#include "guest.c"
#include "http.c"
#include "json.c"
#include "pager.c"
#include "resp.c"
#include "roadmap.c"
#include "term.c"
#include "tree.c"
#include "vt.c"
#include "ws.c"

static const struct {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
} fuzz_targets[] = {
    {"config", fuzz_config},
    {"fleet", fuzz_fleet},
    {"guest", fuzz_guest},
    {"http", fuzz_http},
    {"json", fuzz_json},
    {"pager", fuzz_pager},
    {"resp", fuzz_resp},
    {"roadmap", fuzz_roadmap},
    {"term", fuzz_term},
    {"tree", fuzz_tree},
    {"vt", fuzz_vt},
    {"ws", fuzz_ws},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = getenv("TELEC_FUZZ");
    for (size_t i = 0; name && i < COUNT_OF(fuzz_targets); i++)
        if (strcmp(name, fuzz_targets[i].name) == 0)
            return fuzz_targets[i].run(data, size);
    fprintf(stderr, "TELEC_FUZZ names no target: %s\n", name ? name : "(not set)");
    abort();
}
