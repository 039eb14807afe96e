#!/bin/sh
# Completions in the real shells, and the manual page: tests/shells.sh TELEC SHELL…, of bash, zsh,
# fish and mandoc. Prints what is not as it should be.
set -u
telec=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
work=$(mktemp -d /tmp/telec.XXXXXX) || exit 1
mkdir "$work/bin" && cp "$telec" "$work/bin/telec" && cd "$work" || exit 1
trap 'telec kill --all > /dev/null 2>&1; telec daemon --stop 2> /dev/null; rm -rf "$work"' EXIT
unset TELEC_SOCKET TELEC_CONFIG TELEC_SESSION_ID TELEC_REDIS
export HOME="$work" XDG_RUNTIME_DIR="$work" XDG_STATE_HOME="$work/s" XDG_CONFIG_HOME="$work/c" \
    PATH="$work/bin:$PATH"
mkdir directory
touch config
# Of several bash lists with each what it is.
if [ "$1" = bash ]; then
    telec new -t title -- sh -c 'read x' > /dev/null || exit 1
    telec new -t 'another * title' -- sh -c 'read x' > /dev/null || exit 1
    bash -c '. <(telec completion bash); shopt -s nullglob; COMP_WORDS=(telec kill "") COMP_CWORD=2
        COMP_TYPE=$1; _telec; printf "%s\n" "${COMPREPLY[@]}"' bash 63 | sort > got
    telec list --columns id,title | tr '\t' '|' | sed 's/|/  /' | sort | diff - got || exit 1
    telec kill --all > /dev/null || exit 1
    # Another computer chooses its name; it is a word all the same.
    # shellcheck disable=SC2016 # that shell's
    bash -c '. <(telec completion bash); peer() { printf "a;b \$(c)\tcomputer\n"; }
        COMP_WORDS=(peer "") COMP_CWORD=1 COMP_TYPE=9
        _telec; printf "%s\n" "${COMPREPLY[@]}"' > got
    [ "$(cat got)" = 'a\;b\ \$\(c\)' ] || { echo "bash: a name: $(cat got)"; exit 1; }
fi
id=$(telec new -t title -- sh -c 'read x') || exit 1
short=$(echo "$id" | cut -c 1-8)

# Words behind telec, the last one incomplete, and what they can be.
cat > asked << END
ki|kill
kill |$short
new --agent co|codex copilot
new --mode f|fast
list --computer |$(uname -n)
-c con|config
wait --state i|idle
computers --j|--json
help ag|agents
project add dir|directory
completion |bash fish zsh
END

for shell; do
    case $shell in
    mandoc)
        telec help --man | mandoc -T lint -W style > got 2>&1
        grep -v 'outdated mandoc.db' got && exit 1
        continue
        ;;
    bash)
        # shellcheck disable=SC2016 # that shell's
        ask='. /dev/fd/3 3<< END
$(telec completion bash)
END
compopt() { :; }
COMP_WORDS=(telec "$@"); COMP_CWORD=$#; _telec; printf "%s\n" "${COMPREPLY[@]}"'
        ;;
    zsh)
        # shellcheck disable=SC2016
        ask='compdef() { : }
_describe() { print -l -- "${values[@]%%:*}" }
_directories() { print -l -- *(/) }
_files() { print -l -- ${words[CURRENT]}*(N) }
eval "$(telec completion zsh)"; words=(telec "$@"); CURRENT=$#words; _telec'
        ;;
    fish) ask= ;;
    esac
    while IFS='|' read -r words want; do
        if [ "$shell" = fish ]; then
            fish --no-config -c "telec completion fish | source; complete -C 'telec $words'"
        else
            set --
            for word in $words; do set -- "$@" "$word"; done
            [ "${words% }" = "$words" ] || set -- "$@" ''
            "$shell" -c "$ask" "$shell" "$@"
        fi 2>&1 | cut -f 1 | sed 's|/$||' | grep -v '^bin$\|^s$\|^telec$\|^\.' | sort | xargs > got
        [ "$(cat got)" = "$want" ] ||
            { echo "$shell: telec $words: $(cat got), not $want"; exit 1; }
    done < asked
done
