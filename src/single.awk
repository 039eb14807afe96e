# Writes the program as one file: teleclaude.c, and in the place of each #include "…" that file,
# the first time it is named.
#       awk -f src/single.awk teleclaude.c
function folder(path) { return match(path, /.*\//) ? substr(path, 1, RLENGTH) : "" }
function tidy(path) { while (sub(/[^\/]+\/\.\.\//, "", path)) ; return path }
function put(path,   line, part) {
    if (path in done) return
    done[path] = 1
    while ((getline line < path) > 0)
        if (line ~ /^#include "/) { split(line, part, "\""); put(tidy(folder(path) part[2])) }
        else print line
    close(path)
}
BEGIN { put(ARGV[1]); exit }
