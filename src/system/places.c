#include "system.h"

/* places - the directories of sockets and of state: made, refused, or passed by. */

/* Cuts `path` behind the directory at fault. A missing /tmp is the system's to make. */
static int places_make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (access(path, F_OK) != 0 && (strcmp(path, "/tmp") == 0 || mkdir(path, 0700) != 0) &&
            errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

#define PLACES_SOCKET "XDG_RUNTIME_DIR (or -S SOCKET)"

/* A new file there has another owner or mode: a disk of another system. */
static int places_keeps_nothing(const char *dir)
{
    struct stat st;
    char *path = config_join(dir, "modes.XXXXXX");
    int fd = mkstemp(path);
    int keeps = fd < 0 || fstat(fd, &st) != 0 || (st.st_uid == geteuid() && !(st.st_mode & 077));
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    free(path);
    return !keeps;
}

static void places_put_owner(uid_t owner, buf *fault)
{
    const struct passwd *user = os_user(owner);
    buf_str(fault, "it belongs to another user");
    if (user)
        buf_fmt(fault, ", %s", user->pw_name);
}

/* Only this user may enter it. state: it may be where no modes or owners are kept. */
static int places_private_dir(const char *path, int state, buf *error)
{
    struct stat st = {0};
    buf fault = {0};
    char *named = base_dup(path);
    if (places_make_parents(named) != 0 || (mkdir(path, 0700) != 0 && errno != EEXIST) ||
        lstat(path, &st) != 0)
        buf_str(&fault, strerror(errno));
    else if (S_ISLNK(st.st_mode))
        buf_str(&fault, "it is a symbolic link");
    else if (!S_ISDIR(st.st_mode))
        buf_str(&fault, "it is not a directory");
    else if (st.st_uid != geteuid())
        places_put_owner(st.st_uid, &fault);
    else if (st.st_mode & 077)
        buf_str(&fault, "it is open to others, and must have mode 0700");
    int is_bad = fault.n && !(state && S_ISDIR(st.st_mode) && strcmp(named, path) == 0 &&
                              places_keeps_nothing(path));
    if (is_bad)
        buf_fmt(error, "cannot use the directory %s: %s; %s sets another one", named,
                buf_cstr(&fault), state ? "XDG_STATE_HOME" : PLACES_SOCKET);
    free(named);
    buf_free(&fault);
    return is_bad ? -1 : 0;
}

static int places_listen(const char *path, buf *error)
{
    char *dir = span_dup((span){path, (size_t)(strrchr(path, '/') - path)}), message[256];
    int fd = -1;
    if (places_private_dir(dir, 0, error) == 0 &&
        (fd = conn_listen(path, message, sizeof message)) < 0)
        buf_str(error, message);
    free(dir);
    return fd;
}

static int places_make_state(const struct config *c, buf *error)
{
    char *sessions = config_join(c->state, "sessions");
    int status = places_private_dir(c->state, 1, error);
    if (status == 0)
        status = places_private_dir(sessions, 1, error);
    free(sessions);
    return status;
}

static int places_make_dirs(const struct config *c, buf *error)
{
    size_t n = (size_t)(strrchr(c->socket, '/') - c->socket);
    char *runtime = span_dup((span){c->socket, n ? n : 1});
    int status = places_make_state(c, error) == 0 && places_private_dir(runtime, 0, error) == 0
                     ? places_private_dir(c->holders, 0, error)
                     : -1;
    free(runtime);
    return status;
}

static int places_try(const struct config *c, buf *error)
{
    buf probe = {0};
    char why[256];
    if (places_make_dirs(c, error) != 0)
        return -1;
    buf_fmt(&probe, "%s/%ld", c->holders, (long)getpid());
    int fd = conn_listen(buf_cstr(&probe), why, sizeof why);
    if (fd >= 0) {
        close(fd);
        unlink(probe.p);
    } else {
        buf_str(error, why);
    }
    buf_free(&probe);
    return fd < 0 ? -1 : 0;
}

static int places_settle(struct config *c, int must_stay, buf *passed)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int status = places_try(c, passed);
    if (!c->socket_from && runtime && runtime[0] == '/')
        buf_fmt(passed, "%sXDG_RUNTIME_DIR is too long for sockets", passed->n ? "; " : "");
    for (int i = 0; i <= CONFIG_PLACES && status != 0 && !must_stay; i++) {
        char *socket = i < CONFIG_PLACES ? config_socket_place(i, "api.sock")
                                         : config_join(c->state, "run/api.sock");
        if (!socket || strcmp(socket, c->socket) == 0) {
            free(socket);
            continue;
        }
        free(c->socket), free(c->holders);
        c->socket = socket;
        c->holders = config_holders(socket);
        buf why = {0};
        status = places_try(c, &why);
        if (status != 0 && !span_find(buf_view(passed), buf_cstr(&why)))
            buf_fmt(passed, "; %s", buf_cstr(&why));
        buf_free(&why);
    }
    return status;
}
