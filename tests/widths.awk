# Prints the tables of src/base/utf8.c from the files that Unicode publishes:
#
#   awk -f tests/widths.awk DerivedGeneralCategory.txt EastAsianWidth.txt emoji-data.txt
#
# Only planes 0 and 1: of the others utf8.c knows whole planes. A range goes on over code points
# that are not assigned.

function hex(s,    i, n)
{
    for (i = 1; i <= length(s); i++)
        n = n * 16 + index("0123456789ABCDEF", substr(s, i, 1)) - 1
    return n
}

# Prints the ranges of a plane in which what[] has `mark`.
function plane(mark, from, to,    cp, first, last, row)
{
    for (cp = from; cp <= to + 1; cp++) {
        if (cp <= to && index(what[cp], mark)) {
            if (first == "")
                first = cp
            last = cp
        } else if (first != "" && (cp > to || !index(what[cp], "n"))) {
            row = sprintf("{0x%x, 0x%x}, ", first - from, last - from)
            if (length(line row) > 97)
                flush()
            line = line row
            count++
            first = ""
        }
    }
}

function flush()
{
    sub(/ $/, "", line)
    print "    " line
    line = ""
}

function table(name, mark,    first)
{
    printf "\nstatic const struct utf8_range utf8_%s[] = {\n", name
    count = 0
    plane(mark, 0, 65535)
    flush()
    first = count
    plane(mark, 65536, 131071)
    flush()
    printf "};\n#define UTF8_%s_SECOND %d /* the first entry of plane 1 */\n", toupper(name), first
}

{
    sub(/[ \t]*#.*/, "")
    gsub(/[ \t]/, "")
    if (split($0, field, ";") < 2)
        next
    n = split(field[1], end, /\.\./)
    mark = field[2] ~ /^M[ne]$/ ? "z" : field[2] == "Cn" ? "n" : field[2] ~ /^[WF]$/ ? "w" : \
           field[2] == "A" ? "a" : field[2] == "Emoji" ? "e" : ""
    for (cp = hex(end[1]); mark && cp <= hex(end[n]) && cp < 131072; cp++)
        what[cp] = what[cp] mark
}

END {
    # No columns of their own: joiners, Hangul vowels and finals. The other format characters change
    # how text is read: they are shown.
    split("200B 200C 200D 2060 2061 2062 2063 2064 FEFF", joiners, " ")
    for (i in joiners)
        what[hex(joiners[i])] = "z"
    for (cp = hex("1160"); cp <= hex("11FF"); cp++)
        what[cp] = "z"
    for (cp = hex("D7B0"); cp <= hex("D7FF"); cp++)
        what[cp] = "z"
    for (cp = hex("1FA70"); cp <= hex("1FAFF"); cp++) # where Unicode adds emoji
        what[cp] = "we"
    for (cp = 0; cp < 131072; cp++) {
        if (index(what[cp], "z"))
            what[cp] = "z"
        # flags and skin tones have rules of their own
        if (cp < 128 || (cp >= hex("1F1E6") && cp <= hex("1F1FF")) ||
            (cp >= hex("1F3FB") && cp <= hex("1F3FF")))
            gsub("e", "", what[cp])
    }
    table("zero", "z")
    table("wide", "w")
    table("ambiguous", "a")
    table("emoji", "e")
}
