# The structure of the tree, read without a compiler. tests/layers.sh starts it:
#
#       awk -f tests/layers.awk pass=1 teleclaude.h teleclaude.c FILE… HEADER… pass=2 FILE… HEADER…
#
# in the root of the tree. Pass 1 collects which file defines each name and counts columns, pass 2
# checks every use. A fault is one line: path:line: what.

# ---- tables --------------------------------------------------------------------------------------

function set_tables()
{
    # Prefixes of files whose names don't all begin with FILE_: base's of its types.
    prefix["src/base/base.c"] = "base_|span_|buf_|blob_|list_|hash_"
    prefix["src/base/digest.c"] = "sha1$|sha1_|sha256|hmac_|digest_|b64_"
    prefix["src/screen/vt/"] = "vt_"

    # Files that client, ui and cli may not use, and the names excepted: USER NAME.
    split("client ui cli", words, " ")
    for (i in words)
        outside[words[i]] = 1
    closed["server"] = closed["fleet"] = 1
    except["src/cli/cli.c daemon_run"] = 1
    except["src/cli/cli.c src/server/server.h"] = 1
    except["src/cli/cli.h src/server/server.h"] = 1
    except["src/ui/ui.h src/ui/parts.h"] = 1 # one header would be too long
    # Of session the ui uses these files.
    split("cache frame stream holder_link life", words, " ")
    for (i in words)
        ui_may["src/session/" words[i] ".c"] = 1

    # base, wire and screen call these of libc, and nothing else, but for the files below.
    split("free malloc calloc realloc memchr memcmp memcpy memmove memset strchr strrchr strcmp" \
        " strncmp strcspn strspn strlen strnlen strstr strpbrk strtol strtoul strtoll strtoull" \
        " strtod snprintf vsnprintf qsort bsearch abs labs isalnum isalpha isdigit isprint" \
        " isspace isxdigit islower isupper ispunct iscntrl tolower toupper va_start va_end" \
        " va_arg va_copy offsetof assert UINT64_C", words, " ")
    for (i in words)
        pure_call[words[i]] = 1
    pure["base"] = pure["wire"] = pure["screen"] = 1
    impure["src/base/log.c"] = impure["src/base/clock.c"] = 1
    # Running out of memory ends the program.
    except["src/base/base.c exit"] = except["src/base/base.c abort"] = 1
    except["src/base/base.c write"] = 1

    split("if while for switch return sizeof defined do else case goto int char void long short" \
        " unsigned signed const double float size_t ssize_t uint8_t uint16_t uint32_t uint64_t" \
        " int64_t int32_t span", words, " ")
    for (i in words)
        keyword[words[i]] = 1
}

# ---- paths ---------------------------------------------------------------------------------------

function fault(line, what)
{
    print (line ? path ":" line : path) ": " what
}

function folder_of(file)
{
    return match(file, /^src\/[^\/]+\//) ? substr(file, 5, RLENGTH - 5) : ""
}

function directory_of(file)
{
    match(file, /.*\//)
    return substr(file, 1, RLENGTH)
}

function tidy(file)
{
    while (sub(/[^\/]+\/\.\.\//, "", file))
        ;
    return file
}

# The file's functions begin with …: an expression.
function prefixes(file,    name)
{
    if (file in prefix)
        return "^(" prefix[file] ")"
    if (directory_of(file) in prefix)
        return "^(" prefix[directory_of(file)] ")"
    name = name_of(file)
    return "^(" name "$|" name "_)"
}

# The file's name without folder and ending.
function name_of(file)
{
    file = substr(file, length(directory_of(file)) + 1)
    sub(/\.c$/, "", file)
    return file
}

# What a .c file defines begins with its name, and not with the longer one of another file:
# holder_link_open in holder.c.
function check_prefix(name, line,    lower, i)
{
    lower = tolower(name)
    if (lower !~ own_prefix)
        fault(line, name " does not bear the prefix of its file")
    for (i = 1; i <= longer_names; i++)
        if (index(lower, name_of(longer[i]) "_") == 1)
            fault(line, name " bears the prefix of " longer[i])
}

# The file of section NAME in the header that is read: src/FOLDER/NAME.c, or the first of
# src/FOLDER/NAME/.
function section_file(name,    file, i)
{
    file = directory_of(path) name
    if (file ".c" in place)
        return file ".c"
    for (i = 1; i <= files; i++)
        if (index(order[i], file "/") == 1)
            return order[i]
    return ""
}

# ---- lines ---------------------------------------------------------------------------------------

# The line without comments; strings become "", characters '0'. in_comment goes on.
function bare(line,    out, at, c)
{
    out = ""
    for (;;) {
        if (in_comment) {
            at = index(line, "*/")
            if (!at)
                return out
            line = substr(line, at + 2)
            in_comment = 0
            out = out " "
        }
        if (!match(line, /"|'|\/\*|\/\//))
            return out line
        out = out substr(line, 1, RSTART - 1)
        c = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART)
        if (c == "//")
            return out
        if (c == "/*") {
            in_comment = 1
            line = substr(line, 3)
            continue
        }
        if (c == "\"")
            match(line, /^"([^"\\]|\\.)*"?/)
        else
            match(line, /^'([^'\\]|\\.)*'?/)
        line = substr(line, RLENGTH + 1)
        out = out (c == "\"" ? "\"\"" : "'0'")
    }
}

# Counts columns: bytes that continue a character don't count.
function columns(line)
{
    gsub(/[\200-\277]/, "", line)
    return length(line)
}

# The function that this line at the margin declares or begins to define; "".
function function_at(line,    name)
{
    if (line !~ /^[a-z][^(=]*[ *][a-z0-9_]+\(/ || line ~ /^typedef/)
        return ""
    name = line
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    return name in keyword ? "" : name
}

# ---- pass 1: who owns a name ---------------------------------------------------------------------

function own(name, file)
{
    if (file != "" && !(name in owner))
        owner[name] = file
}

# Structures, enumerations and their constants, macros, typedefs of the line.
function collect_names(line, file,    rest, part, n, i)
{
    if (match(line, /^[ \t]*#[ \t]*define[ \t]+[A-Za-z0-9_]+/)) {
        part = substr(line, 1, RLENGTH)
        sub(/.*[ \t]/, "", part)
        own(part, file)
        if (path ~ /\.c$/)
            check_prefix(part, FNR)
        return
    }
    # A declaration without members counts when no header has the members.
    rest = line
    sub(/^(typedef |static )*/, "", rest)
    if (rest ~ /^(struct|union|enum) [a-z0-9_]+ *(\{|;)/) {
        split(rest, words, /[ {;]+/)
        if (path ~ /\.c$/ && rest ~ /\{/)
            check_prefix(words[2], FNR)
        if (path ~ /\.h$/ && rest ~ /\{/)
            tag_owner[words[1] " " words[2]] = file
        else if (!((words[1] " " words[2]) in tag_owner))
            tag_owner[words[1] " " words[2]] = file
    }
    if (match(line, /^typedef .*[ *][a-z0-9_]+;/) || match(line, /^\} [a-z0-9_]+;/)) {
        part = substr(line, RSTART, RLENGTH - 1)
        sub(/.*[ *]/, "", part)
        if (line ~ /^typedef/ || in_typedef)
            own(part, file)
    }
    if (line ~ /^typedef .*\{[^}]*$/)
        in_typedef = 1
    else if (line ~ /^\}/)
        in_typedef = 0
    # The constants of an enumeration, over as many lines as it has.
    rest = line
    if (!in_enum && match(rest, /(^|[ \t])enum( [a-z0-9_]+)? *\{/)) {
        in_enum = 1
        rest = substr(rest, RSTART + RLENGTH)
    }
    if (in_enum) {
        if (index(rest, "}")) {
            in_enum = 0
            rest = substr(rest, 1, index(rest, "}") - 1)
        }
        n = split(rest, words, ",")
        for (i = 1; i <= n; i++)
            if (match(words[i], /[A-Z][A-Z0-9_]*/))
                own(substr(words[i], RSTART, RLENGTH), file)
    }
}

# What a .c file defines. A name at the margin with a ( begins a definition when a { follows.
function collect_functions(line,    name)
{
    name = function_at(line)
    if (name != "") {
        candidate = name
        candidate_line = FNR
        candidate_text = line
    }
    if (candidate != "" && (line ~ /^\{/ || line ~ /\)[ \t]*\{/)) {
        owner[candidate] = path
        defined[candidate] = 1
        if (candidate_text !~ /^static /)
            fault(candidate_line, candidate " is not static")
        check_prefix(candidate, candidate_line)
        candidate = ""
    } else if (line ~ /;[ \t]*$/)
        candidate = ""
}

# ---- pass 2: uses --------------------------------------------------------------------------------

function check_owner(name, file, line,    user, used)
{
    if (file == here || !(file in place))
        return
    user = folder_of(here)
    used = folder_of(file)
    if ((here " " name) in except)
        return
    if (place[file] > place[here])
        fault(line, "uses " name " of " file ", which stands after " here)
    else if (user in outside && used in closed)
        fault(line, "uses " name " of " file ": " user " uses nothing of " used)
    else if (user == "ui" && used == "session" && !(file in ui_may))
        fault(line, "uses " name " of " file ": ui uses only cache, frame, stream and" \
            " holder_link of session")
}

function check_uses(line,    rest, before, name, tag, after, file)
{
    rest = line
    before = ""
    tag = ""
    while (match(rest, /[A-Za-z_][A-Za-z0-9_]*/)) {
        if (RSTART > 1)
            before = substr(rest, 1, RSTART - 1)
        name = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        if (tag != "") {
            file = (tag " " name) in tag_owner ? tag_owner[tag " " name] : ""
            if (file != "")
                check_owner(tag " " name, file, FNR)
            tag = ""
        } else if (before ~ /(\.|->)[ \t]*$/ || (path ~ /\.h$/ && name in defined))
            ; # a field; a declaration
        else if (name == "struct" || name == "enum" || name == "union")
            tag = name
        else if (name in owner)
            check_owner(name, owner[name], FNR)
        else if (path ~ /\.c$/ && pure_here && rest ~ /^\(/ && !(name in keyword) &&
            !(name in pure_call) && !((path " " name) in pointer) && !((here " " name) in except))
            fault(FNR, "calls " name ": " folder_of(here) " is pure")
        before = ""
    }
}

# ---- headers, sections, includes -----------------------------------------------------------------

function begin_file(    i)
{
    path = FILENAME
    own_prefix = prefixes(path)
    longer_names = 0
    for (i = 1; i <= files; i++)
        if (index(name_of(order[i]), name_of(path) "_") == 1)
            longer[++longer_names] = order[i]
    in_comment = in_enum = in_typedef = 0
    candidate = ""
    section = ""
    here = path
    pure_here = (folder_of(path) in pure) && !(path in impure)
    last_section = 0
    # What stands before the first section, or has none, belongs to the first file that includes it.
    if (path in includer)
        here = includer[path]
}

function begin_section(line,    name, file)
{
    name = line
    sub(/^\/\* ==== /, "", name)
    sub(/ =+ \*\/$/, "", name)
    file = section_file(name)
    if (file == "") {
        if (pass == 2)
            fault(FNR, "section " name " has no file")
        return
    }
    has_section[file] = 1
    if (pass == 2 && place[file] < last_section)
        fault(FNR, "section " name " stands too late")
    last_section = place[file]
    here = section = file
}

function included(line,    words)
{
    split(line, words, "\"")
    return tidy(directory_of(path) words[2])
}

function note_includer(line,    file)
{
    file = included(line)
    if (path in place && (!(file in includer) || place[path] < place[includer[file]]))
        includer[file] = path
}

function check_include(line,    file, folder, other)
{
    file = included(line)
    folder = folder_of(path)
    other = folder_of(file)
    if ((path " " file) in except)
        return
    if (line !~ /"/)
        fault(FNR, "includes a header of the system: base.h does that")
    else if (file ~ /\/private\.h$/ && directory_of(file) != directory_of(path))
        fault(FNR, "includes " file ", which belongs to " directory_of(file))
    else if (file !~ /\/private\.h$/ && file != "src/" other "/" other ".h")
        fault(FNR, "includes " file ", which is no folder's header")
    else if (!(other in folder_place))
        fault(FNR, "includes " file ", which teleclaude.h does not include")
    else if (path ~ /\.c$/ && other != folder)
        fault(FNR, "includes " file ": a file includes only its folder's header")
    else if (folder_place[other] > folder_place[folder])
        fault(FNR, "includes " file ", which stands after " folder)
    else if (folder in outside && other in closed)
        fault(FNR, "includes " file ": " folder " uses nothing of " other)
}

# Every declared function stands in the section of the file that defines it.
function check_declaration(line,    name)
{
    name = function_at(line)
    if (name == "" || !(name in defined) || section == "" || owner[name] == section)
        return
    # A folder inside of the folder has one section there, for all its files.
    if (directory_of(owner[name]) == directory_of(section) && directory_of(section) != \
        directory_of(path))
        return
    fault(FNR, "declares " name " in the section of " section "; " owner[name] " defines it")
}

# The functions that the comment of teleclaude.c names are there.
function note_named(line)
{
    while (match(line, /[a-z]+(_[a-z]+)+/)) {
        named[substr(line, RSTART, RLENGTH)] = FNR
        line = substr(line, RSTART + RLENGTH)
    }
}

function check_named(    name)
{
    for (name in named)
        if (!(name in defined) && name !~ /_(table|commands|link)$/)
            print "teleclaude.c:" named[name] ": names " name ", which no file defines"
}

# teleclaude.h and teleclaude.c give the order.
function read_map(line)
{
    if (path == "teleclaude.c" && line ~ /^ \*/)
        note_named(line)
    if (line !~ /^#include "src\//)
        return
    split(line, words, "\"")
    if (path == "teleclaude.h")
        folder_place[folder_of(words[2])] = ++folders
    else {
        order[++files] = words[2]
        place[words[2]] = files
        if (!(folder_of(words[2]) in folder_place))
            fault(FNR, "teleclaude.h does not include the header of " words[2])
        else if (folder_place[folder_of(words[2])] < map_last)
            fault(FNR, words[2] " stands after a later folder")
        else
            map_last = folder_place[folder_of(words[2])]
    }
}

# ---- run -----------------------------------------------------------------------------------------

BEGIN {
    COLUMNS_MAX = 100
    LINES_MAX = 1100
    set_tables()
}
FNR == 1 { begin_file() }
pass == 1 && columns($0) > COLUMNS_MAX { fault(FNR, columns($0) " columns") }
pass == 1 { lines_of[path] = FNR }
path == "teleclaude.h" || path == "teleclaude.c" {
    if (pass == 1)
        read_map($0)
    next
}
path !~ /^src\/.*\.[ch]$/ { next }
/^\/\* ==== [a-z0-9_]+ =/ && path ~ /\.h$/ { begin_section($0) }
/^[ \t]*#[ \t]*include/ && path != "src/base/base.h" {
    if (pass == 1)
        note_includer($0)
    else
        check_include($0)
    next
}
{ text = bare($0) }
# Pointers to functions: parameters, locals.
pass == 1 {
    rest = text
    while (match(rest, /\(\*[ \t]*(const )?[a-z0-9_]+\)? *\(/)) {
        name = substr(rest, RSTART + 2, RLENGTH - 2)
        gsub(/[^a-z0-9_]/, "", name)
        pointer[path " " name] = 1
        rest = substr(rest, RSTART + RLENGTH)
    }
    collect_names(text, path ~ /\.h$/ ? here : path)
    if (path ~ /\.c$/) {
        collect_functions(text)
        if (!(path in place) && FNR == 1)
            fault(0, "teleclaude.c does not include it")
    }
}
pass == 2 && path ~ /\.c$/ && !(path in place) { next }
pass == 2 {
    if (path ~ /\.h$/)
        check_declaration(text)
    if (text !~ /^[ \t]*#[ \t]*(if|endif|else)/)
        check_uses(text)
}
END {
    for (file in lines_of)
        if (lines_of[file] > LINES_MAX && file ~ /^src\//)
            print file ": " lines_of[file] " lines, more than " LINES_MAX
    check_named()
    for (i = 1; i <= files; i++)
        if (!(order[i] in lines_of))
            print order[i] ": teleclaude.c includes it, and it is not there"
}
