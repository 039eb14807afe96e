#!/bin/sh
# What other systems compile: tests/systems.sh [COMPILER] checks teleclaude.c as each of them, with
# this one's headers and stand-ins for those that it lacks. Prints the warnings.
set -u
cc=$(command -v "${1:-cc}") || exit 1
cd "$(dirname "$0")/.." || exit 1
headers=$(mktemp -d) || exit 1
trap 'rm -rf "$headers"' EXIT
cat > "$headers/system.h" << 'END'
#include <sys/types.h>
int getpeereid(int socket, uid_t *uid, gid_t *gid);
END
mkdir "$headers/sys" && echo '#include <sys/ioctl.h>' > "$headers/sys/filio.h"
cat > "$headers/stropts.h" << 'END'
#define I_FIND 1
#define I_PUSH 2
END
cat > "$headers/ucred.h" << 'END'
#include <sys/types.h>
typedef struct ucred_s ucred_t;
int getpeerucred(int fd, ucred_t **peer);
uid_t ucred_geteuid(const ucred_t *peer);
void ucred_free(ucred_t *peer);
END
bad=0
# DragonFly stands for all with getpeereid: the compiler's own headers want others of the rest.
for system in __DragonFly__ __OpenBSD__ __sun UNKNOWN; do
    "$cc" -std=c99 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wshadow -Wpedantic -Werror -fsyntax-only \
        -U__linux__ -D$system -I"$headers" -include src/base/base.h -include "$headers/system.h" \
        teleclaude.c || { echo "not for $system"; bad=1; }
done
exit $bad
